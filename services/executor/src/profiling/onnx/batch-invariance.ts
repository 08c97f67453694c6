import type { TensorSignature } from "@infaas/onnx";
import { type Clock, Code, ServiceError } from "@infaas/runtime";
import { allowedDifference } from "../../engines/answer-tolerance";
import { largestDifference } from "../../engines/tensor-difference";
import type { ModelRunner, RunAnswer } from "./model-runner";
import { partsOf } from "./parts-of";
import { joinedRows, type RowSet } from "./row-set";

/** Batches that are compared with their rows alone: small, odd and large. */
const BATCH_SIZES = [2, 3, 8, 17, 64] as const;
/** Different mixtures of rows per batch size, unless told. */
const MIXTURES = 2;
/** Rows of mixture m are `m * MIXTURE_STEP` apart from each other, so that every mixture puts other rows side by side. */
const MIXTURE_STEP = 7;
/** No further batch is begun after this time; the first is always run, and small sizes come first. */
const PROBE_MS_MAX = 3_000;
/** Largest difference that counts as the same answer, as `allowedDifference` has it of the row's tensor. */
const SAME_ANSWER_TOLERANCE = 1e-5;

/** Whether a row's answer is the same alone and among others. */
export type Invariance =
  | { readonly invariant: true; readonly worstDifference: number }
  | {
      readonly invariant: false;
      readonly reason: string;
      /** Rows cannot be run together at all. */
      readonly impossible?: true;
      /** One of them cannot be run alone either, so that nothing is known of rows that can. */
      readonly refusedAlone?: true;
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
      if ("reason" in together) return await whyNotTogether(o.runner, chosen, together.reason);
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

/** The reason, unless it is a row that the model does not take alone either: a divisor of zero, an unknown word. */
async function whyNotTogether(
  runner: ModelRunner,
  rows: readonly number[],
  reason: string,
): Promise<Invariance> {
  for (const row of new Set(rows)) {
    const alone = await runTogether(runner, [row]);
    if (!("reason" in alone)) continue;
    const examples = "examples of what it takes (--examples) let its rows be tried together";
    return {
      invariant: false,
      impossible: true,
      refusedAlone: true,
      reason: `a row that was drawn for it is refused alone too: ${alone.reason}; ${examples}`,
    };
  }
  return { invariant: false, reason, impossible: true };
}

/**
 * Runs ordinary rows in the company of extreme ones, one kind at a time and then all together. Extreme rows that the model
 * refuses alone are left out. They are company only: the engine's maximum of NaN depends on where in memory it lies, and
 * large or equal numbers cancel otherwise in another order.
 */
export async function probeExtremeRows(o: {
  readonly runner: ModelRunner;
  readonly rows: RowSet;
  readonly extremes: RowSet;
  readonly outputs: readonly TensorSignature[];
  readonly maxBatch: number;
  readonly clock: Clock;
}): Promise<Invariance> {
  const { rows, extremes, outputs } = o;
  const runner = o.runner.over(joinedRows(rows, extremes));
  const deadlineMs = o.clock.nowMs() + PROBE_MS_MAX;
  const alone = [await runner.run([0]), await runner.run([1 % rows.count])];
  let worstDifference = 0;
  const faultBeside = async (company: readonly number[]): Promise<string | null> => {
    const chosen = company.flatMap((row, index) => [index % 2 === 0 ? 0 : 1 % rows.count, row]);
    const batch = chosen.slice(0, o.maxBatch);
    const together = await runTogether(runner, batch);
    if ("reason" in together) return together.reason;
    for (let place = 0; place < batch.length; place += 2) {
      const own = alone[(place / 2) % 2]!;
      const fault = compareRow({ alone: own, together, outputs, place, batch: batch.length });
      if (typeof fault !== "number") return `${fault.reason}, beside rows of extreme values`;
      worstDifference = Math.max(worstDifference, fault);
    }
    return null;
  };
  const taken: number[] = [];
  for (let index = 0; index < extremes.count && o.clock.nowMs() <= deadlineMs; index++) {
    const row = rows.count + index;
    if ("reason" in (await runTogether(runner, [row]))) continue;
    taken.push(row);
    const reason = await faultBeside([row]);
    if (reason !== null) return { invariant: false, reason };
  }
  const reason = taken.length < 2 ? null : await faultBeside(taken);
  return reason === null ? { invariant: true, worstDifference } : { invariant: false, reason };
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
    return { reason: rows.length === 1 ? message : `${rows.length} rows cannot be run together: ${message}` };
  }
}

interface RowComparison {
  readonly alone: RunAnswer;
  readonly together: RunAnswer;
  readonly outputs: readonly TensorSignature[];
  readonly place: number;
  readonly batch: number;
}

/** Largest scaled difference of a row's outputs, or why they are not the same answer. */
function compareRow(o: RowComparison): number | { readonly reason: string } {
  let worst = 0;
  for (const index of o.outputs.keys()) {
    const fault = shapeFault(o, index);
    if (fault !== null) return { reason: fault };
    const difference = compareOutput(o, index);
    if (!(difference <= SAME_ANSWER_TOLERANCE)) {
      const numbers = `differs by ${difference.toPrecision(3)} alone and among ${o.batch} rows`;
      return {
        reason: `output ${o.outputs[index]!.name} of a row ${numbers}; ${SAME_ANSWER_TOLERANCE} is allowed`,
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

/** Difference of one output of one row, on a scale on which `SAME_ANSWER_TOLERANCE` is allowed. */
function compareOutput({ alone, together, outputs, place, batch }: RowComparison, index: number): number {
  const { datatype } = outputs[index]!;
  const single = alone.outputs[index]!;
  const shared = partsOf(datatype, together.outputs[index]!, batch)[place]!;
  const zeros = new Uint8Array(single.byteLength);
  const magnitude = datatype === "BYTES" ? 1 : (largestDifference(datatype, single, zeros) ?? 1);
  const allowed = allowedDifference(SAME_ANSWER_TOLERANCE, datatype, magnitude);
  const difference = largestDifference(datatype, single, shared) ?? Number.POSITIVE_INFINITY;
  return (difference / allowed) * SAME_ANSWER_TOLERANCE;
}
