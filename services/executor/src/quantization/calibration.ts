import { unlink, writeFile } from "node:fs/promises";
import type { EnginePort } from "../engine-port";
import { encodeModel, type OnnxModel } from "../onnx/model-file";
import { ModelRunner, withRunner } from "../onnx/model-runner";
import type { RowSet } from "../onnx/row-set";
import { readNumbers } from "../tensor-difference";
import { type ActivationRange, joinRanges } from "./activation-range";
import { withRangeOutputs } from "./calibration-model";

/** Rows run to learn how large activations get; spread evenly over the validation set. */
export const CALIBRATION_ROWS_MAX = 256;

/** Smallest and largest value of each activation over at most 256 rows, each run alone. `path` is overwritten and removed. */
export async function calibrate(o: {
  readonly model: OnnxModel;
  readonly activations: readonly string[];
  readonly rows: RowSet;
  readonly engines: EnginePort;
  readonly path: string;
}): Promise<Map<string, ActivationRange>> {
  await writeFile(o.path, encodeModel(withRangeOutputs(o.model, o.activations)));
  try {
    const open = ModelRunner.open(o.engines, o.rows, {
      path: o.path,
      threads: 1,
      concurrency: 1,
      maxBatch: 1,
    });
    return await withRunner(open, (runner) => readRanges(runner, o.activations, o.rows.count));
  } finally {
    await unlink(o.path);
  }
}

async function readRanges(
  runner: ModelRunner,
  activations: readonly string[],
  rowCount: number,
): Promise<Map<string, ActivationRange>> {
  const ranges = new Map<string, ActivationRange>();
  const samples = Math.min(rowCount, CALIBRATION_ROWS_MAX);
  for (let sample = 0; sample < samples; sample++) {
    const { outputs } = await runner.run([Math.floor((sample * rowCount) / samples)]);
    const values = outputs.map((bytes) => Number(readNumbers("FP32", bytes)?.[0]));
    for (const [index, activation] of activations.entries()) {
      const range = { min: values[2 * index]!, max: values[2 * index + 1]! };
      const known = ranges.get(activation);
      ranges.set(activation, known ? joinRanges(known, range) : range);
    }
  }
  return ranges;
}
