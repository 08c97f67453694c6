import type { ModelHandle, NativeModel } from "../native";
import { NativeError } from "../native-error";
import { type GivenRow, rowFault } from "./check-row";
import { type NativeMeasureOptions, testing } from "./native";

/** What to run, over and over, without a queue. */
export interface MeasureLoad extends GivenRow {
  /** Rows per run. */
  readonly batch: number;
  /** Stop after so many ms; default none, then `iterations` must be given. */
  readonly durationMs?: number;
  /** Stop after so many runs in all. */
  readonly iterations?: number;
  /** Runs begun before so many ms do not count, nor does the first of each thread; default 0. */
  readonly warmUpMs?: number;
  /** Threads that run at a time; default 1. */
  readonly instances?: number;
}

/** What was measured. */
export interface Measurement {
  /** Latency of every counted run in ms, in no particular order. */
  readonly latencyMs: Float64Array;
  /** Wall time of the counted part. */
  readonly elapsedMs: number;
  /** Rows per second over all threads. */
  readonly itemsPerSecond: number;
}

/**
 * Measures how fast the engine runs a loaded model by itself: batches of a fixed size, back to back on `instances` threads
 * that share one copy of the weights. Rejects with NativeError.
 */
export async function measureModel(
  model: ModelHandle,
  described: NativeModel,
  load: MeasureLoad,
): Promise<Measurement> {
  const options = measureOptions(described.inputs, described.batchable, load);
  const measured = await testing()
    .measure(model, options)
    .catch((error: Error) => {
      throw new NativeError("ENGINE", error.message);
    });
  const rows = measured.latencyMs.length * options.batch;
  return {
    ...measured,
    itemsPerSecond: measured.elapsedMs > 0 ? (rows / measured.elapsedMs) * 1000 : 0,
  };
}

function measureOptions(
  inputs: readonly { readonly name: string; readonly itemBytes: number }[],
  batchable: boolean,
  load: MeasureLoad,
): NativeMeasureOptions {
  const invalid = (message: string) => new NativeError("INVALID", message);
  if (!Number.isInteger(load.batch) || load.batch < 1 || (!batchable && load.batch > 1))
    throw invalid(`batch is ${load.batch}, allowed are whole numbers from 1${batchable ? "" : " to 1"}`);
  if (!((load.durationMs ?? 0) > 0) && !((load.iterations ?? 0) > 0))
    throw invalid("neither durationMs nor iterations is given: the measurement would not end");
  const fault = rowFault(inputs, load);
  if (fault !== undefined) throw invalid(fault);
  return {
    instances: load.instances ?? 1,
    batch: load.batch,
    durationMs: load.durationMs ?? 0,
    iterations: load.iterations ?? 0,
    warmUpMs: load.warmUpMs ?? 0,
    inputs: load.inputs ?? null,
    dims: load.dims === undefined ? null : Float64Array.from(load.dims.flat()),
  };
}
