import type { ClusterView } from "../cluster-view";
import type { ModelTotals, Statistics } from "../statistics";

/** One row: a model name with everything counted under it and nothing else, so that rows add up. */
export interface MeasuredModel {
  readonly name: string;
  readonly version: string;
  readonly totals: ModelTotals;
}

/** Rows of every name that was asked for or has answered; failures that named no model at all are the nameless row. */
export function measuredModels(view: ClusterView, statistics: Statistics): readonly MeasuredModel[] {
  const nameless = { name: "", version: "" };
  return [...view.catalog.models, nameless]
    .map(({ name, version }) => ({ name, version, totals: statistics.totalsOf([name]) }))
    .filter(({ totals }) => totals.successCount + totals.failCount > 0);
}

interface Family {
  readonly name: string;
  readonly help: string;
  readonly read: (totals: ModelTotals) => number;
}

/** Names and meanings as Triton has them, for dashboards that exist; durations are cumulative. */
const families: readonly Family[] = [
  { name: "nv_inference_request_success", help: "Requests answered", read: (t) => t.successCount },
  { name: "nv_inference_request_failure", help: "Requests refused or failed", read: (t) => t.failCount },
  { name: "nv_inference_count", help: "Rows answered", read: (t) => t.inferenceCount },
  { name: "nv_inference_exec_count", help: "Batches run", read: (t) => t.executionCount },
  duration("request", "from arrival to answer", (t) => t.successMs),
  duration("queue", "in the executor's queue", (t) => t.queueMs),
  duration("compute_input", "gathering rows into batches", (t) => t.gatherMs),
  duration("compute_infer", "in the engine", (t) => t.runMs),
  duration("compute_output", "handing outputs out", (t) => t.scatterMs),
];

/** Returns statistics as Prometheus text (exposition format 0.0.4). O(models). */
export function prometheusText(models: readonly MeasuredModel[], pending: number): string {
  const lines = families.flatMap(({ name, help, read }) => [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} counter`,
    ...models.map(({ name: model, version, totals }) => `${name}{${labels(model, version)}} ${read(totals)}`),
  ]);
  return `${[
    ...lines,
    "# HELP nv_inference_pending_request_count Requests on their way now",
    "# TYPE nv_inference_pending_request_count gauge",
    `nv_inference_pending_request_count ${pending}`,
  ].join("\n")}\n`;
}

function duration(stage: string, where: string, readMs: (totals: ModelTotals) => number): Family {
  return {
    name: `nv_inference_${stage}_duration_us`,
    help: `Microseconds that answered requests spent ${where}`,
    read: (totals) => Math.round(readMs(totals) * 1000),
  };
}

function labels(model: string, version: string): string {
  return `model="${escaped(model)}",version="${escaped(version)}"`;
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
