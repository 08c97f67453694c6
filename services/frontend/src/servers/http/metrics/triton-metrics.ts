import { InstancePhase } from "@infaas/api";
import { failureReasons } from "../../../query/failure-reason";
import { OTHER_NAME } from "../../../query/other-name";
import type { Router } from "../../../routing/router";
import type { ModelTotals, Statistics } from "../../../telemetry/statistics";
import type { ClusterView } from "../../../view/cluster-view";
import type { HostFigures } from "./host-load";
import type { Family, Sample } from "./prometheus";

export interface MetricsSources {
  readonly view: ClusterView;
  readonly statistics: Statistics;
  readonly router: Pick<Router, "pendingByModel">;
  readonly host: HostFigures;
}

/** One row: a model name with everything counted under it and nothing else, so that rows add up. */
interface MeasuredModel {
  readonly name: string;
  readonly version: string;
  readonly totals: ModelTotals;
  /** Requests in flight now. */
  readonly pending: number;
}

/**
 * Names and meanings as Triton has them, for dashboards that exist. Durations are cumulative. Families of devices or
 * caches that do not exist are left out, not shown as zero.
 */
export function tritonMetrics(sources: MetricsSources): readonly Family[] {
  const models = measuredModels(sources);
  return [...requestFamilies(models), loadFamily(sources.view), ...hostFamilies(sources.host)];
}

/** Rows of every name that was or is asked for, or has answered; failures that named no known model are one row. */
function measuredModels({ view, statistics, router }: MetricsSources): readonly MeasuredModel[] {
  const pendingByModel = router.pendingByModel();
  const unknown = { name: OTHER_NAME, version: "" };
  return [...view.catalog.models, unknown]
    .map(({ name, version }) => {
      const totals = statistics.totalsOf([name]);
      return { name, version, totals, pending: pendingByModel.get(name) ?? 0 };
    })
    .filter(({ totals, pending }) => totals.successCount + totals.failCount + pending > 0);
}

function requestFamilies(models: readonly MeasuredModel[]): Family[] {
  // A name that never answered has no mean of anything.
  const answering = models.filter(({ totals }) => totals.successCount > 0);
  const counter = (name: string, help: string, read: (totals: ModelTotals) => number): Family => ({
    name: `nv_inference_${name}`,
    help,
    type: "counter",
    samples: answering.map((model) => ({ labels: labelsOf(model), value: read(model.totals) })),
  });
  const duration = (stage: string, where: string, readMs: (totals: ModelTotals) => number) =>
    counter(`${stage}_duration_us`, `Microseconds that answered requests spent ${where}`, (totals) =>
      Math.round(readMs(totals) * 1000),
    );
  return [
    counter("request_success", "Requests answered", (t) => t.successCount),
    {
      name: "nv_inference_request_failure",
      help: "Requests refused or failed, by reason",
      type: "counter",
      samples: models.flatMap(failureSamples),
    },
    counter("count", "Rows answered", (t) => t.inferenceCount),
    counter("exec_count", "Batches run", (t) => t.executionCount),
    duration("request", "from arrival to answer", (t) => t.successMs),
    duration("queue", "in the executor's queue", (t) => t.queueMs),
    duration("compute_input", "gathering rows into batches", (t) => t.gatherMs),
    duration("compute_infer", "in the engine", (t) => t.runMs),
    duration("compute_output", "handing outputs out", (t) => t.scatterMs),
    {
      name: "nv_inference_pending_request_count",
      help: "Requests on their way now, by the name that was asked for",
      type: "gauge",
      samples: models.map((model) => ({ labels: labelsOf(model), value: model.pending })),
    },
  ];
}

function failureSamples(model: MeasuredModel): Sample[] {
  const { failures } = model.totals;
  return failureReasons.map((reason) => ({
    labels: { ...labelsOf(model), reason },
    value: failures[reason],
  }));
}

/** How long the slowest of a variant's loaded instances took until it could answer. */
function loadFamily(view: ClusterView): Family {
  const seconds = new Map<string, number>();
  for (const [, { variant, phase, loadMs }] of view.allStatuses()) {
    if (phase !== InstancePhase.READY) continue;
    seconds.set(variant, Math.max(seconds.get(variant) ?? 0, loadMs / 1000));
  }
  return {
    name: "nv_model_load_duration_secs",
    help: "Seconds that loading took, of what is loaded",
    type: "gauge",
    samples: view.catalog.variants.flatMap(({ name, version }) => {
      const value = seconds.get(name);
      return value === undefined ? [] : [{ labels: labelsOf({ name, version: String(version) }), value }];
    }),
  };
}

function hostFamilies({ cpuUtilisation, memoryTotalBytes, memoryUsedBytes }: HostFigures): Family[] {
  const gauge = (name: string, help: string, value: number): Family => ({
    name,
    help,
    type: "gauge",
    samples: [{ labels: {}, value }],
  });
  return [
    gauge(
      "nv_cpu_utilization",
      "Busy share of this frontend's host since the last scrape, 0 to 1",
      cpuUtilisation,
    ),
    gauge("nv_cpu_memory_total_bytes", "Memory of this frontend's host", memoryTotalBytes),
    gauge("nv_cpu_memory_used_bytes", "Memory of this frontend's host that is in use", memoryUsedBytes),
  ];
}

function labelsOf({ name, version }: Pick<MeasuredModel, "name" | "version">) {
  return version === "" ? { model: name } : { model: name, version };
}
