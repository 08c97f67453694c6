import { type Clock, Code, ServiceError } from "@infaas/runtime";
import { largestDifference } from "../../engines/tensor-difference";
import type { ModelRunner, RunAnswer } from "./model-runner";
import { joinedRows, type RowSet } from "./row-set";
import type { TensorSignature } from "./signature";

/** Batches that are compared with their rows alone: small, odd and large. */
const BATCH_SIZES = [2, 3, 8, 17, 64] as const;
/** Different mixtures of rows per batch size, unless told. */
const MIXTURES = 2;
/** Rows of mixture m are `m * MIXTURE_STEP` apart from each other, so that every mixture puts other rows side by side. */
const MIXTURE_STEP = 7;
/** No further batch is begun after this time; the first is always run, and small sizes come first. */
const PROBE_MS_MAX = 3_000;
/** Largest difference that counts as the same answer: absolute, or relative to the largest magnitude in the row's tensor. */
const SAME_ANSWER_TOLERANCE = 1e-5;

/** The same for a row of extreme values, in which large numbers cancel. */
const EXTREME_TOLERANCE = 1e-2;
/** Magnitude from which on a row of extreme values is company only. */
const TAME_BELOW = 1e6;

/** Bytes of the length before each string of a BYTES tensor. */
const LENGTH_BYTES = 4;

/** Whether a row's answer is the same alone and among others. */
export type Invariance =
  | { readonly invariant: true; readonly worstDifference: number }
  | {
      readonly invariant: false;
      readonly reason: string;
      /** Rows cannot be run together at all. */
      readonly impossible?: true;
    };

/** Runs rows alone and together, in several sizes and mixtures up to `maxBatch`, and compares every output. */
export async function probeBatchInvariance(o: {
  readonly runner: ModelRunner;
  readonly rows: RowSet;
  readonly outputs: readonly TensorSignature[];
  readonly maxBatch: number;
  readonly clock: Clock;
  /** Different mixtures of rows per batch size; default 2. */
  readonly mixtures?: number;
}): Promise<Invariance> {
  const deadlineMs = o.clock.nowMs() + PROBE_MS_MAX;
  const alone = new Map<number, RunAnswer>();
  let worstDifference = 0;
  for (const batch of BATCH_SIZES.filter((size) => size <= o.maxBatch)) {
    for (let mixture = 0; mixture < (o.mixtures ?? MIXTURES); mixture++) {
      if (alone.size > 0 && o.clock.nowMs() > deadlineMs) return { invariant: true, worstDifference };
      const chosen = mixtureOf(batch, mixture, o.rows.count);
      const together = await runTogether(o.runner, chosen);
      if ("reason" in together) return { invariant: false, reason: together.reason, impossible: true };
      for (const [place, row] of chosen.entries()) {
        if (!alone.has(row)) alone.set(row, await o.runner.run([row]));
        const fault = compareRow({ alone: alone.get(row)!, together, outputs: o.outputs, place, batch });
        if (typeof fault !== "number") return { invariant: false, reason: fault.reason };
        worstDifference = Math.max(worstDifference, fault);
      }
    }
  }
  return { invariant: true, worstDifference };
}

/**
 * Runs ordinary rows in the company of extreme ones, and those in theirs. Extreme rows that the model refuses alone are left
 * out. Those that hold what is not finite or is very large are company only: the engine's maximum of NaN depends on where in
 * memory it lies, and large numbers cancel otherwise in another order.
 */
export async function probeExtremeRows(o: {
  readonly runner: ModelRunner;
  readonly rows: RowSet;
  readonly extremes: RowSet;
  readonly inputs: readonly TensorSignature[];
  readonly outputs: readonly TensorSignature[];
  readonly maxBatch: number;
  readonly clock: Clock;
}): Promise<Invariance> {
  const { runner, rows, outputs } = o;
  const both = joinedRows(rows, o.extremes);
  const deadlineMs = o.clock.nowMs() + PROBE_MS_MAX;
  const alone = new Map<number, RunAnswer>();
  const tame = new Set<number>();
  const victim = await runner.run([0]);
  let worstDifference = 0;
  const compare = async (company: readonly number[]): Promise<string | null> => {
    const chosen = company.flatMap((row) => [0, row]).slice(0, o.maxBatch);
    const together = await runTogether(runner.over(both), chosen);
    if ("reason" in together) return together.reason;
    for (const [place, row] of chosen.entries()) {
      const own = row === 0 ? victim : alone.get(row)!;
      const tolerance = row === 0 ? SAME_ANSWER_TOLERANCE : EXTREME_TOLERANCE;
      if (row !== 0 && !tame.has(row)) continue;
      const fault = compareRow({ alone: own, together, outputs, place, batch: chosen.length, tolerance });
      if (typeof fault !== "number") return `${fault.reason}, beside rows of extreme values`;
      worstDifference = Math.max(worstDifference, row === 0 ? fault : 0);
    }
    return null;
  };
  for (let index = 0; index < o.extremes.count; index++) {
    if (o.clock.nowMs() > deadlineMs) break;
    const row = rows.count + index;
    const own = await runTogether(runner.over(both), [row]);
    if ("reason" in own) continue;
    alone.set(row, own);
    if (areTame(o.inputs, both.inputsOf([row])) && areTame(outputs, own.outputs)) tame.add(row);
    const reason = await compare([row]);
    if (reason !== null) return { invariant: false, reason };
  }
  const reason = alone.size < 2 ? null : await compare([...alone.keys()]);
  return reason === null ? { invariant: true, worstDifference } : { invariant: false, reason };
}

/** Whether all numbers are finite and of a magnitude at which sums in another order differ little. */
function areTame(tensors: readonly TensorSignature[], bytes: readonly Uint8Array[]): boolean {
  return tensors.every(({ datatype }, index) => {
    const own = bytes[index]!;
    const largest = largestDifference(datatype, own, new Uint8Array(own.byteLength));
    return largest === null || datatype === "BYTES" || largest < TAME_BELOW;
  });
}

/** Rows of one batch: every mixture starts elsewhere and strides differently, so neighbours change. */
function mixtureOf(batch: number, mixture: number, count: number): number[] {
  const stride = 1 + mixture * MIXTURE_STEP;
  return Array.from({ length: batch }, (_, index) => (batch + index * stride) % count);
}

/** A batch that the engine refuses although it takes each row alone counts as not invariant. */
async function runTogether(
  runner: ModelRunner,
  rows: readonly number[],
): Promise<RunAnswer | { readonly reason: string }> {
  try {
    return await runner.run(rows);
  } catch (cause) {
    const { code, message } = ServiceError.from(cause);
    if (code !== Code.INTERNAL && code !== Code.INVALID_ARGUMENT) throw cause;
    return { reason: `${rows.length} rows cannot be run together: ${message}` };
  }
}

interface RowComparison {
  readonly alone: RunAnswer;
  readonly together: RunAnswer;
  readonly outputs: readonly TensorSignature[];
  readonly place: number;
  readonly batch: number;
  /** Default `SAME_ANSWER_TOLERANCE`. */
  readonly tolerance?: number;
}

/** Largest scaled difference of a row's outputs, or why they are not the same answer. */
function compareRow(o: RowComparison): number | { readonly reason: string } {
  let worst = 0;
  for (const index of o.outputs.keys()) {
    const fault = shapeFault(o, index);
    if (fault !== null) return { reason: fault };
    const difference = compareOutput(o, index);
    const allowed = o.tolerance ?? SAME_ANSWER_TOLERANCE;
    if (!(difference <= allowed)) {
      const numbers = `differs by ${difference.toPrecision(3)} alone and among ${o.batch} rows`;
      return {
        reason: `output ${o.outputs[index]!.name} of a row ${numbers}; ${allowed} is allowed`,
      };
    }
    worst = Math.max(worst, difference);
  }
  return worst;
}

/** An output of a batch has one row of what a row alone is answered with for each row. */
function shapeFault({ alone, together, outputs, batch }: RowComparison, index: number): string | null {
  const single = alone.outputDims[index]!;
  const all = together.outputDims[index]!;
  const { name } = outputs[index]!;
  const shapes = `output ${name} has shape [${single}] for one row and [${all}] for ${batch}`;
  if (single[0] !== 1 || all[0] !== batch) return `${shapes}: its first axis does not count rows`;
  const same = single.length === all.length && single.every((size, axis) => axis === 0 || size === all[axis]);
  return same ? null : `${shapes}: the size of a row depends on the rows beside it`;
}

/** Difference of one output of one row, relative to the largest magnitude in it. */
function compareOutput({ alone, together, outputs, place, batch }: RowComparison, index: number): number {
  const { datatype } = outputs[index]!;
  const single = alone.outputs[index]!;
  const shared =
    datatype === "BYTES"
      ? textRow(together.outputs[index]!, place, batch)
      : together.outputs[index]!.subarray(place * single.byteLength, (place + 1) * single.byteLength);
  const zeros = new Uint8Array(single.byteLength);
  const magnitude = Math.max(1, datatype === "BYTES" ? 1 : (largestDifference(datatype, single, zeros) ?? 1));
  return (largestDifference(datatype, single, shared) ?? Number.POSITIVE_INFINITY) / magnitude;
}

/** The strings of one row: each lies behind its length, and every row has as many. */
function textRow(bytes: Uint8Array, place: number, batch: number): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const starts = [0];
  for (let at = 0; at < bytes.byteLength; ) {
    at += LENGTH_BYTES + view.getUint32(at, true);
    starts.push(at);
  }
  const perRow = (starts.length - 1) / batch;
  return bytes.subarray(starts[place * perRow], starts[(place + 1) * perRow]);
}
