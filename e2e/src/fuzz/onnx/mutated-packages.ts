import { randomOf } from "../fuzz-run";
import { below } from "../wire-mutator";
import { mutatePackage } from "./mutate-package";
import { type OnnxPackage, soundPackages } from "./sound-packages";

export type { OnnxPackage };

const sound = soundPackages();

/** A sound package with faults; seed and number decide all of it, as in `npm run fuzz-onnx`. */
export function mutatedPackage(seed: number, number: number): OnnxPackage {
  const random = randomOf(seed, number);
  return mutatePackage(sound[below(random, sound.length)]!, random);
}
