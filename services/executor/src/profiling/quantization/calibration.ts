import { unlink, writeFile } from "node:fs/promises";
import { readNumbers } from "@infaas/api";
import { encodeModel, type OnnxModel } from "@infaas/onnx";
import type { Clock } from "@infaas/runtime";
import type { EnginePort } from "../../engines/engine-port";
import { ModelRunner, withRunner } from "../onnx/model-runner";
import type { RowSet } from "../onnx/row-set";
import { type ActivationRange, joinRanges } from "./activation-range";
import { withRangeOutputs } from "./calibration-model";

/** Rows run for calibration, spread evenly over the validation set. */
export const CALIBRATION_ROWS_MAX = 256;
/** CPU time of a calibration; a slow model is calibrated on as many rows as fit, a power of two... */
const CALIBRATION_CPU_MS = 5_000;
/** ...and on no fewer than these. */
const CALIBRATION_ROWS_MIN = 16;
/** Longest calibration, whatever else the machine does. */
const CALIBRATION_MS_MAX = 20_000;
/** Runs that the cost of a row is the lowest of. */
const COST_RUNS = 3;

/**
 * Returns the range of each activation over up to 256 rows, each run alone. `path` is overwritten and
 * removed.
 */
export async function calibrate(o: {
  readonly model: OnnxModel;
  readonly activations: readonly string[];
  readonly rows: RowSet;
  readonly engines: EnginePort;
  readonly clock: Clock;
  readonly path: string;
}): Promise<Map<string, ActivationRange>> {
  await writeFile(o.path, encodeModel(withRangeOutputs(o.model, o.activations)));
  try {
    const open = ModelRunner.open(o.engines, o.rows, {
      path: o.path,
      threads: 1,
      concurrency: 1,
      maxBatch: 1,
      cpuTimes: true,
    });
    return await withRunner(open, (runner) => readRanges({ ...o, runner }));
  } finally {
    await unlink(o.path);
  }
}

async function readRanges(o: {
  readonly runner: ModelRunner;
  readonly activations: readonly string[];
  readonly rows: RowSet;
  readonly clock: Clock;
}): Promise<Map<string, ActivationRange>> {
  const deadlineMs = o.clock.nowMs() + CALIBRATION_MS_MAX;
  const ranges = new Map<string, ActivationRange>();
  const samples = Math.min(o.rows.count, await affordableRows(o.runner, o.rows));
  for (let sample = 0; sample < samples; sample++) {
    if (sample >= CALIBRATION_ROWS_MIN && o.clock.nowMs() > deadlineMs) break;
    const { outputs } = await o.runner.run([Math.floor((sample * o.rows.count) / samples)]);
    const values = outputs.map((bytes) => Number(readNumbers("FP32", bytes)?.[0]));
    for (const [index, activation] of o.activations.entries()) {
      const range = { min: values[2 * index]!, max: values[2 * index + 1]! };
      const known = ranges.get(activation);
      ranges.set(activation, known ? joinRanges(known, range) : range);
    }
  }
  return ranges;
}

/** Rows that fit into `CALIBRATION_CPU_MS`: a power of two, so that seldom two counts are about as right. */
async function affordableRows(runner: ModelRunner, rows: RowSet): Promise<number> {
  const first = rows.inputsOf([0]);
  let costMs = Number.POSITIVE_INFINITY;
  for (let run = 0; run < COST_RUNS; run++) costMs = Math.min(costMs, await runner.cpuMs(first, 1));
  const affordable = 2 ** Math.floor(Math.log2(CALIBRATION_CPU_MS / costMs));
  return Math.min(CALIBRATION_ROWS_MAX, Math.max(CALIBRATION_ROWS_MIN, affordable));
}
