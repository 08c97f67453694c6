import type { MessageInitShape } from "@bufbuild/protobuf";
import { AccuracyOrigin, batchingToWire, type ReceiptSchema } from "@infaas/api";
import type { ColdPhase, DeviceKind, Variant } from "@infaas/policy";
import type { SpanContext } from "@infaas/runtime";

/** Path, stage times (ms) and cost of an answered query. */
export interface QueryReceipt {
  readonly variant: Variant;
  readonly executor: string;
  readonly rows: number;
  readonly batchSize: number;
  readonly selectMs: number;
  /** Round trip between frontend and executor, less the executor's own time. */
  readonly networkMs: number;
  /** Pictures and texts turned into tensors, with the waits for that; 0 for a query of tensors. */
  readonly adaptMs: number;
  readonly queueMs: number;
  readonly gatherMs: number;
  readonly computeMs: number;
  readonly scatterMs: number;
  readonly executorMs: number;
  readonly totalMs: number;
  /** US dollars for this query. */
  readonly costUsd: number;
  readonly downgraded: boolean;
  readonly cold: boolean;
  /** Of a cold query: what it waited for, which adds up to `totalMs`; else empty. */
  readonly coldPhases: readonly ColdPhase[];
  readonly minAccuracy: number | null;
}

/** What a variant is computed on beside the CPU; empty: the CPU. */
const DEVICES: Readonly<Record<DeviceKind, string>> = { cpu: "", host: "host device", cuda: "CUDA device" };

/** The receipt in short, as parameters of a ModelInferResponse. `trace` null: the query was not sampled. */
export function receiptParameters(
  r: QueryReceipt,
  trace: SpanContext | null,
): Record<string, string | number | boolean> {
  const { accuracy } = r.variant;
  const parameters: Record<string, string | number | boolean> = {
    variant: r.variant.name,
    architecture: r.variant.architecture,
    executor: r.executor,
    ...(r.variant.deviceKind === "cpu" ? {} : { device: DEVICES[r.variant.deviceKind] }),
    ...(r.adaptMs === 0 ? {} : { adapt_ms: r.adaptMs }),
    queue_ms: r.queueMs,
    batch_size: r.batchSize,
    ...(r.variant.batching === undefined ? {} : { batching: r.variant.batching }),
    compute_ms: r.computeMs,
    total_ms: r.totalMs,
    cost: r.costUsd,
    downgraded: r.downgraded,
    cold: r.cold,
  };
  if (trace !== null) parameters.trace_id = trace.traceId;
  if (accuracy !== null) {
    parameters.accuracy = accuracy.value;
    parameters.accuracy_dataset = accuracy.dataset;
  }
  return parameters;
}

/** The receipt in full, as infaas.v1 has it. `trace` null: the query was not sampled. */
export function receiptMessage(
  r: QueryReceipt,
  trace: SpanContext | null,
): MessageInitShape<typeof ReceiptSchema> {
  const { accuracy } = r.variant;
  return {
    variant: r.variant.name,
    architecture: r.variant.architecture,
    executor: r.executor,
    device: DEVICES[r.variant.deviceKind],
    ...(accuracy === null ? {} : { accuracy: { ...accuracy, origin: originOf(accuracy.origin) } }),
    batchSize: r.batchSize,
    batching: batchingToWire(r.variant.batching),
    selectMs: r.selectMs,
    networkMs: r.networkMs,
    adaptMs: r.adaptMs,
    queueMs: r.queueMs,
    gatherMs: r.gatherMs,
    computeMs: r.computeMs,
    scatterMs: r.scatterMs,
    totalMs: r.totalMs,
    costUsd: r.costUsd,
    downgraded: r.downgraded,
    cold: r.cold,
    coldPhases: r.coldPhases.map(({ phase, ms, expectedMs }) =>
      expectedMs === null ? { phase, ms } : { phase, ms, expectedMs },
    ),
    ...(r.minAccuracy === null ? {} : { minAccuracy: r.minAccuracy }),
    traceId: trace?.traceId ?? "",
  };
}

function originOf(origin: "measured" | "declared"): AccuracyOrigin {
  return origin === "measured" ? AccuracyOrigin.MEASURED : AccuracyOrigin.DECLARED;
}
