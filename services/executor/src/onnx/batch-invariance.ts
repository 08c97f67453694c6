import type { Clock } from "@infaas/runtime";
import { largestDifference } from "../tensor-difference";
import type { ModelRunner } from "./model-runner";
import type { RowSet } from "./row-set";
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
export const SAME_ANSWER_TOLERANCE = 1e-5;

/** Whether a row's answer is the same alone and among others. */
export type Invariance =
  | { readonly invariant: true; readonly worstDifference: number }
  | { readonly invariant: false; readonly reason: string };

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
  const alone = new Map<number, readonly Uint8Array[]>();
  let worstDifference = 0;
  for (const batch of BATCH_SIZES.filter((size) => size <= o.maxBatch)) {
    for (let mixture = 0; mixture < (o.mixtures ?? MIXTURES); mixture++) {
      if (alone.size > 0 && o.clock.nowMs() > deadlineMs) return { invariant: true, worstDifference };
      const chosen = mixtureOf(batch, mixture, o.rows.count);
      const together = (await o.runner.run(chosen)).outputs;
      for (const [place, row] of chosen.entries()) {
        if (!alone.has(row)) alone.set(row, (await o.runner.run([row])).outputs);
        const fault = compareRow({ alone: alone.get(row)!, together, outputs: o.outputs, place, batch });
        if (typeof fault !== "number") return { invariant: false, reason: fault.reason };
        worstDifference = Math.max(worstDifference, fault);
      }
    }
  }
  return { invariant: true, worstDifference };
}

/** Rows of one batch: every mixture starts elsewhere and strides differently, so neighbours change. */
function mixtureOf(batch: number, mixture: number, count: number): number[] {
  const stride = 1 + mixture * MIXTURE_STEP;
  return Array.from({ length: batch }, (_, index) => (batch + index * stride) % count);
}

interface RowComparison {
  readonly alone: readonly Uint8Array[];
  readonly together: readonly Uint8Array[];
  readonly outputs: readonly TensorSignature[];
  readonly place: number;
  readonly batch: number;
}

/** Largest scaled difference of a row's outputs, or why they are not the same answer. */
function compareRow({
  alone,
  together,
  outputs,
  place,
  batch,
}: RowComparison): number | { readonly reason: string } {
  let worst = 0;
  for (const [index, { name, datatype }] of outputs.entries()) {
    const single = alone[index]!;
    const all = together[index]!;
    if (all.byteLength !== single.byteLength * batch) {
      return {
        reason: `output ${name} has ${single.byteLength} bytes for one row and ${all.byteLength} for ${batch}`,
      };
    }
    const shared = all.subarray(place * single.byteLength, (place + 1) * single.byteLength);
    const zeros = new Uint8Array(single.byteLength);
    const magnitude = Math.max(1, largestDifference(datatype, single, zeros) ?? 1);
    const difference = (largestDifference(datatype, single, shared) ?? Number.POSITIVE_INFINITY) / magnitude;
    if (!(difference <= SAME_ANSWER_TOLERANCE)) {
      const numbers = `differs by ${difference.toPrecision(3)} alone and among ${batch} rows`;
      return { reason: `output ${name} of a row ${numbers}; ${SAME_ANSWER_TOLERANCE} is allowed` };
    }
    worst = Math.max(worst, difference);
  }
  return worst;
}
