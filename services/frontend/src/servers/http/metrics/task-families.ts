import type { Histogram, Instrument } from "@infaas/runtime";
import type { TaskCounters } from "../../../telemetry/task-counters";
import { type TaskCounter, type TaskHistogram, taskMetrics } from "../../../telemetry/task-metrics";
import type { Family, Sample } from "./prometheus";

/** The metrics of tasks under the names that Prometheus has for them. */
export function taskFamilies(tasks: TaskCounters): readonly Family[] {
  const readings = tasks.readings();
  return Object.values<TaskCounter | TaskHistogram>(taskMetrics).map((metric) => {
    const { kind: type, description: help } = metric;
    const samples = readings.flatMap((counts) =>
      metric.kind === "counter"
        ? metric.points(counts).map(({ value, attributes: labels }) => ({ labels, value }))
        : metric
            .points(counts)
            .flatMap(({ attributes, histogram }) => histogramSamples(attributes, histogram)),
    );
    return { name: prometheusName(metric, type), help, type, samples };
  });
}

/** Name by OpenTelemetry's rules for Prometheus: underscores, a suffix for seconds, `_total` for counters. */
function prometheusName({ name, unit }: Instrument, type: Family["type"]): string {
  const seconds = unit === "s" ? "_seconds" : "";
  return `${name.replaceAll(".", "_")}${seconds}${type === "counter" ? "_total" : ""}`;
}

/** Buckets are cumulative. */
function histogramSamples(labels: Sample["labels"], { bounds, counts, sum }: Histogram): readonly Sample[] {
  let below = 0;
  const buckets = [...counts].map((count, i): Sample => {
    below += count;
    return { suffix: "_bucket", labels: { ...labels, le: String(bounds[i] ?? "+Inf") }, value: below };
  });
  return [...buckets, { suffix: "_sum", labels, value: sum }, { suffix: "_count", labels, value: below }];
}
