import type { AdapterInput, InferHeadInput } from "@infaas/api";

/** Milliseconds that an executor took for a query: all of it, and the stages of its batch. */
export interface ExecutorTimes {
  readonly executorMs: number;
  readonly queueMs: number;
  readonly gatherMs: number;
  readonly runMs: number;
  readonly scatterMs: number;
}

/**
 * Time that pictures or texts of a query took to be tensors: all that its executor did besides the stages of the batch.
 * 0 for a query of tensors.
 * @param adapter Input that the variant's adapter reads; undefined: it has none.
 */
export function adaptMs(
  sent: readonly Pick<InferHeadInput, "name" | "datatype">[],
  adapter: AdapterInput | undefined,
  { executorMs, queueMs, gatherMs, runMs, scatterMs }: ExecutorTimes,
): number {
  if (adapter === undefined) return 0;
  if (!sent.some(({ name, datatype }) => datatype === "BYTES" && name === adapter)) return 0;
  return Math.max(0, executorMs - queueMs - gatherMs - runMs - scatterMs);
}
