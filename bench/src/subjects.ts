import { readFileSync } from "node:fs";
import { join } from "node:path";
import { seededRandom } from "@infaas/runtime";
import { writeBenchModels } from "./models";
import { cache, root } from "./system";

const denseName = "mlp-m";
const denseRows = 64;
const seed = 20_261_124;

/** A model to measure, with rows to submit. */
export interface Subject {
  readonly name: string;
  readonly path: string;
  /** Inputs of single-row requests: one tensor each. */
  readonly rows: readonly (readonly Uint8Array[])[];
}

interface Manifest {
  readonly tasks: readonly {
    readonly name: string;
    readonly validation: { readonly count: number; readonly inputs: { readonly file: string } };
  }[];
  readonly architectures: readonly { readonly name: string; readonly task: string; readonly file: string }[];
}

/** Returns every model of the zoo, with the validation rows of its task. */
export function zooSubjects(): readonly Subject[] {
  const zoo = join(root, "zoo");
  const manifest: Manifest = JSON.parse(readFileSync(join(zoo, "manifest.json"), "utf8"));
  const rowsOf = new Map(
    manifest.tasks.map(({ name, validation }) => [
      name,
      cut(readFileSync(join(zoo, validation.inputs.file)), validation.count),
    ]),
  );
  return manifest.architectures.map(({ name, task, file }) => ({
    name,
    path: join(zoo, file),
    rows: rowsOf.get(task) ?? [],
  }));
}

function cut(bytes: Buffer, count: number): Uint8Array[][] {
  const rowBytes = bytes.byteLength / count;
  return Array.from({ length: count }, (_, i) => [
    Uint8Array.from(bytes.subarray(i * rowBytes, (i + 1) * rowBytes)),
  ]);
}

/** Returns the dense model of `whole-path` (4 KB rows, 33 MB of weights), with random rows. */
export function denseSubject(): Subject {
  const model = writeBenchModels(join(cache, "models")).find(({ name }) => name === denseName);
  if (model === undefined) throw new Error(`'${denseName}' was not written: this is a bug`);
  const floats = model.rowShape.reduce((product, size) => product * size, 1);
  const random = seededRandom(seed);
  const rows = Array.from({ length: denseRows }, () => [
    new Uint8Array(Float32Array.from({ length: floats }, () => random.next()).buffer),
  ]);
  return { name: denseName, path: model.path, rows };
}
