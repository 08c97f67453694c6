import type { MessageInitShape } from "@bufbuild/protobuf";
import type { CallLoad, OrcaLoadReportSchema } from "@infaas/api";
import type { QueryReceipt } from "../query/receipts";
import type { ClusterView } from "../view/cluster-view";

/** The load report of one answer: utilisation of its executor, queue delay and cost. */
export function callLoad(view: ClusterView, receipt: QueryReceipt): CallLoad {
  const { variant, executor, queueMs, batchSize, computeMs, costUsd } = receipt;
  const host = view.executors.get(executor);
  const drainMs = view.instance(variant.name, executor)?.drainMs ?? 0;
  return {
    applicationUtilization: occupancy(host?.utilisation ?? 0, drainMs),
    usd: costUsd,
    computeMs,
    queueMs,
    batchFill: batchSize / variant.maxBatch,
    memoryFreeBytes: host?.memoryFreeBytes ?? 0,
  };
}

/** Counts since the previous report. */
export interface ReportedInterval {
  readonly answered: number;
  readonly refused: number;
  readonly seconds: number;
}

/** The load report of a frontend, over all executors it sends to. */
export function clusterLoad(
  { executors, instances }: Pick<ClusterView, "executors" | "instances">,
  interval: ReportedInterval,
  inFlight: number,
): MessageInitShape<typeof OrcaLoadReportSchema> {
  const hosts = [...executors.values()].filter((executor) => executor.accepting);
  const mean = (figures: readonly number[]) =>
    figures.length === 0 ? 0 : figures.reduce((sum, figure) => sum + figure, 0) / figures.length;
  const drains = hosts.map((host) =>
    Math.max(0, ...instances.filter((i) => i.executor === host.name).map((i) => i.drainMs)),
  );
  const perSecond = (count: number) => (interval.seconds > 0 ? count / interval.seconds : 0);
  return {
    cpuUtilization: mean(hosts.map((host) => host.utilisation)),
    memUtilization: mean(hosts.map((host) => 1 - host.memoryFreeBytes / Math.max(1, host.memoryBytes))),
    rpsFractional: perSecond(interval.answered + interval.refused),
    eps: perSecond(interval.refused),
    applicationUtilization: mean(hosts.map((host, i) => occupancy(host.utilisation, drains[i] ?? 0))),
    namedMetrics: { in_flight: inFlight, queue_ms: Math.max(0, ...drains), executors: hosts.length },
  };
}

/** Utilisation plus the seconds of queued work, so that a queue counts although utilisation ends at 1. */
function occupancy(utilisation: number, drainMs: number): number {
  return utilisation + drainMs / 1000;
}
