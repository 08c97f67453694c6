import type { ModelHandle, NativeBatcherOptions, NativeModel } from "../native";
import { NativeError } from "../native-error";
import { type GivenRow, rowFault } from "./check-row";
import { testing } from "./native";

/** Single-row requests that a native thread keeps in a batcher. */
export interface FeedLoad extends GivenRow {
  /** Requests in flight, each answered one followed by another; whole, from 1. */
  readonly inFlight: number;
  readonly durationMs: number;
  /** Answers before so many ms do not count; default 0. */
  readonly warmUpMs?: number;
}

/** What a batcher gave without JavaScript in the way. */
export interface Feeding {
  readonly itemsPerSecond: number;
  /** Mean rows of a batch. */
  readonly batchMean: number;
  /** Time an item spent inside the engine's run, summed over engine threads. */
  readonly engineUsPerItem: number;
}

/** Feeds a batcher of its own over a loaded model from a native thread. Rejects with NativeError. */
export async function feed(
  model: ModelHandle,
  { inputs }: NativeModel,
  batcher: NativeBatcherOptions,
  load: FeedLoad,
): Promise<Feeding> {
  check(inputs, load);
  const options = {
    inFlight: load.inFlight,
    durationMs: load.durationMs,
    warmUpMs: load.warmUpMs ?? 0,
    inputs: load.inputs ?? null,
    dims: load.dims === undefined ? null : Float64Array.from(load.dims.flat()),
  };
  const { items, batches, elapsedMs, engineMs } = await testing()
    .feed(model, batcher, options)
    .catch((error: Error) => {
      throw new NativeError("ENGINE", error.message);
    });
  return {
    itemsPerSecond: (items / elapsedMs) * 1000,
    batchMean: items / batches,
    engineUsPerItem: (engineMs / items) * 1000,
  };
}

function check(inputs: NativeModel["inputs"], { inFlight, durationMs, ...row }: FeedLoad): void {
  const invalid = (message: string) => new NativeError("INVALID", message);
  if (!Number.isInteger(inFlight) || inFlight < 1)
    throw invalid(`inFlight is ${inFlight}, allowed are whole numbers from 1`);
  if (!(durationMs > 0)) throw invalid(`durationMs is ${durationMs}, allowed are numbers above 0`);
  const fault = rowFault(inputs, row);
  if (fault !== undefined) throw invalid(fault);
}
