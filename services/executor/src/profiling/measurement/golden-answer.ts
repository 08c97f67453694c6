import { allowedDifference, answerTolerance } from "../../engines/answer-tolerance";
import { largestDifference } from "../../engines/tensor-difference";
import { ModelRunner, withRunner } from "../onnx/model-runner";
import { measureAccuracy } from "./accuracy";
import type { ProfilePorts } from "./profile-ports";
import type { ModelVersionFile, ProfiledArchitecture } from "./profiled-model";
import { PROFILE_BATCH_MAX } from "./profiler";

/**
 * The accuracy of a file, and its golden row: one input row with its answer at batch 1. Of a model that draws its answers the
 * row has none (`goldenOutputs` is empty, `goldenTolerance` 0): an instance has to answer it, and is not held to what it says.
 */
export interface FileAnswers {
  /** Null without a validation set. */
  readonly accuracy: number | null;
  readonly goldenInputs: Uint8Array[];
  readonly goldenInputDims: number[][];
  readonly goldenOutputs: Uint8Array[];
  /** Largest absolute difference from `goldenOutputs` that passes the probe. */
  readonly goldenTolerance: number;
}

/** Returns a file's accuracy on the validation set and its first row as the golden row. */
export async function measureAnswers(
  { rows, validation, signature, drawsAnswers }: ProfiledArchitecture,
  { path, precision, unbatchableReason }: ModelVersionFile,
  { engines, host, clock }: ProfilePorts,
): Promise<FileAnswers> {
  const batch = unbatchableReason === "" ? PROFILE_BATCH_MAX : 1;
  const open = ModelRunner.open(engines, rows, {
    path,
    threads: host.cores,
    concurrency: 1,
    maxBatch: batch,
  });
  return await withRunner(open, async (runner) => {
    const output = signature.outputs[0]!;
    const answered = [...(await runner.run([0])).outputs];
    const allowed = signature.outputs.map(({ datatype }, index) =>
      allowedDifference(answerTolerance(precision), datatype, magnitudeOf(datatype, answered[index]!)),
    );
    return {
      accuracy: validation ? await measureAccuracy({ runner, validation, output, batch, clock }) : null,
      goldenInputs: rows.inputsOf([0]),
      goldenInputDims: rows.dimsOf(1),
      goldenOutputs: drawsAnswers ? [] : answered,
      goldenTolerance: drawsAnswers ? 0 : Math.max(answerTolerance(precision), ...allowed),
    };
  });
}

/** Why a derived form of a file loses too much accuracy; null where it does not. */
export function lossFault(full: FileAnswers, derived: FileAnswers, tolerance: number): string | null {
  const before = full.accuracy ?? 0;
  const after = derived.accuracy ?? 0;
  if (before - after <= tolerance) return null;
  return `accuracy falls from ${before.toFixed(4)} to ${after.toFixed(4)}; a loss of ${tolerance} is allowed`;
}

function magnitudeOf(datatype: string, bytes: Uint8Array): number {
  const magnitude = largestDifference(datatype, bytes, new Uint8Array(bytes.byteLength)) ?? 1;
  return Number.isFinite(magnitude) ? magnitude : 1;
}
