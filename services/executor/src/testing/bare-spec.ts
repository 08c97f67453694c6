import type { VariantSpec } from "../instances/variant-spec";

/** Returns a variant that is recorded with nothing but its name and the rows of its largest batch. */
export function bareSpec(name: string, maxBatch: number): VariantSpec {
  return {
    name,
    architecture: "net.v1",
    modelDigest: "sha256:0",
    externalData: [],
    threads: 1,
    concurrency: 1,
    maxBatch,
    unbatched: false,
    memoryBytes: 1,
    latency: [],
    goldenInputs: [],
    goldenInputDims: [],
    goldenOutputs: [],
    goldenTolerance: 0,
  };
}
