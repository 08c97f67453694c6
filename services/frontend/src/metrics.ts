import type { Meter } from "@opentelemetry/api";
import type { ClusterView } from "./cluster-view";
import type { ColdStarts } from "./cold-starts";
import type { Router } from "./router";
import type { Statistics } from "./statistics";

/** Where the figures come from. */
export interface MetricSources {
  readonly view: ClusterView;
  readonly statistics: Statistics;
  readonly router: Router;
  readonly coldStarts: ColdStarts;
}

/** Every instrument of the frontend. All are read from plain counters at export, so a query costs no OpenTelemetry call. */
export function registerMetrics(meter: Meter, { view, statistics, router, coldStarts }: MetricSources): void {
  meter
    .createObservableCounter("infaas.frontend.queries", {
      description: "Queries by outcome: answered or refused (any failure).",
      unit: "{query}",
    })
    .addCallback((result) => {
      result.observe(statistics.answered, { outcome: "answered" });
      result.observe(statistics.refused, { outcome: "refused" });
    });
  meter
    .createObservableCounter("infaas.frontend.stage.time", {
      description: "Time of answered queries by stage: total, queue, gather, run, scatter.",
      unit: "ms",
    })
    .addCallback((result) => {
      const totals = statistics.totalsOf(view.catalog.variants.map((v) => v.name));
      result.observe(totals.successMs, { stage: "total" });
      result.observe(totals.queueMs, { stage: "queue" });
      result.observe(totals.gatherMs, { stage: "gather" });
      result.observe(totals.runMs, { stage: "run" });
      result.observe(totals.scatterMs, { stage: "scatter" });
    });
  meter
    .createObservableGauge("infaas.frontend.in_flight", {
      description: "Queries on their way now.",
      unit: "{query}",
    })
    .addCallback((result) => result.observe(router.inFlight));
  meter
    .createObservableGauge("infaas.frontend.cold_waiters", {
      description: "Queries waiting for an instance to load.",
      unit: "{query}",
    })
    .addCallback((result) => result.observe(coldStarts.count));
  meter
    .createObservableGauge("infaas.frontend.snapshot.age", {
      description:
        "Time since metadata last said a word while its watch stood; about a second at most when all is well.",
      unit: "ms",
    })
    .addCallback((result) => {
      if (Number.isFinite(view.ageMs)) result.observe(view.ageMs);
    });
}
