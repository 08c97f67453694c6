import type { InstrumentTable, ServerLoad, Telemetry } from "@infaas/runtime";
import type { ScalingLoop } from "./control/scaling-loop";
import { stateName } from "./control/scaling-status";
import type { JobRunner } from "./intake/jobs/job-runner";
import { failureReasons } from "./query/failure-reason";
import type { ColdStarts } from "./routing/cold-starts";
import type { Router } from "./routing/router";
import type { DemandCounters } from "./telemetry/demand-counters";
import type { Face } from "./telemetry/face";
import type { Statistics } from "./telemetry/statistics";
import type { TaskCounters } from "./telemetry/task-counters";
import { type TaskCounter, type TaskHistogram, taskMetrics } from "./telemetry/task-metrics";
import type { ClusterView } from "./view/cluster-view";
import { type DemandMetric, demandAttributes, demandMetrics } from "./view/demand-metrics";
import type { DemandTable } from "./view/demand-table";

/** Every instrument of a frontend: name, unit, meaning. */
export const instruments = {
  queries: {
    name: "infaas.frontend.queries",
    unit: "{query}",
    description:
      "Queries by outcome: answered or refused (any failure); refused ones by reason: REJECTED, CANCELED, BACKEND or OTHER, as nv_inference_request_failure has them.",
  },
  ...taskMetrics,
  stageTime: {
    name: "infaas.frontend.stage.time",
    unit: "ms",
    description: "Time of answered queries by stage: total, queue, gather, run, scatter.",
  },
  receipts: {
    name: "infaas.frontend.receipts",
    unit: "{USD}",
    description:
      "US dollars that the receipts of answered queries add up to, by executor; what a host costs beyond those of all frontends is idle time and overhead.",
  },
  ...demandMetrics,
  attainment: {
    name: "infaas.frontend.slo.attainment",
    unit: "1",
    description:
      "Share of the queries ended in the last ten seconds that were answered in time, by demand class; refused ones were not.",
  },
  inFlight: {
    name: "infaas.frontend.in_flight",
    unit: "{query}",
    description: "Queries on their way now.",
  },
  jobRows: {
    name: "infaas.frontend.job.rows",
    unit: "{row}",
    description:
      "Rows of jobs under way, and how many may be, by kind: in_flight or allowed; told by the frontend that leads.",
  },
  coldWaiters: {
    name: "infaas.frontend.cold_waiters",
    unit: "{query}",
    description: "Queries waiting for an instance to load.",
  },
  instances: {
    name: "infaas.frontend.instances",
    unit: "{instance}",
    description:
      "Ready instances that queries are sent to: not those of executors that drain or cannot be reached.",
  },
  hosts: {
    name: "infaas.frontend.hosts",
    unit: "{host}",
    description: "Hosts that come and go, by state: requested, starting, up, draining or gone.",
  },
  hostsWanted: {
    name: "infaas.frontend.hosts.wanted",
    unit: "{host}",
    description: "Hosts that demand needs; told by the frontend that leads.",
  },
  hostChanges: {
    name: "infaas.frontend.hosts.changes",
    unit: "{change}",
    description:
      "Changes that this frontend made as the leader, by kind: start, drain, cancel, remove, load, unload.",
  },
  openCalls: {
    name: "infaas.frontend.open_calls",
    unit: "{call}",
    description: "Calls open now, by face: grpc or http.",
  },
  connections: {
    name: "infaas.frontend.connections",
    unit: "{connection}",
    description: "Connections open now, by face.",
  },
  heldBytes: {
    name: "infaas.frontend.held.bytes",
    unit: "By",
    description:
      "Memory that callers hold: requests that came, or are coming, and are not answered, connections, and on the native ingress and over HTTP answers that wait to be read, with their overhead; by face.",
  },
  turnedAway: {
    name: "infaas.frontend.turned_away",
    unit: "{call}",
    description:
      "What a face refused before it was a query, by face and reason: connections, time (a request that drips), bytes (all requests hold too many), malformed.",
  },
  snapshotAge: {
    name: "infaas.frontend.snapshot.age",
    unit: "ms",
    description:
      "Time since metadata last said a word while its watch stood; about a second at most when all is well.",
  },
} as const satisfies InstrumentTable;

/** Sources of the figures. */
export interface MetricSources {
  readonly view: ClusterView;
  readonly statistics: Statistics;
  readonly router: Router;
  readonly coldStarts: ColdStarts;
  readonly demand: DemandCounters;
  readonly tasks: TaskCounters;
  readonly demandTable: DemandTable;
  readonly scaling: ScalingLoop;
  readonly jobs: JobRunner;
  /** Name of this frontend. */
  readonly frontend: string;
  /** By name: grpc, http. */
  readonly faces: ReadonlyMap<string, Face>;
}

type Instrument = Pick<DemandMetric, "name" | "unit" | "description">;
type Observe = (value: number, attributes?: Record<string, string>) => void;

/**
 * Registers every instrument; all are read from plain counters at export, so a query costs no OpenTelemetry
 * call.
 */
export function registerMetrics(
  telemetry: Pick<Telemetry, "meter" | "addHistogram">,
  sources: MetricSources,
): void {
  const { meter } = telemetry;
  const { view, statistics, router, coldStarts, faces, demand, demandTable, scaling, jobs, frontend } =
    sources;
  const counter = ({ name, unit, description }: Instrument, read: (observe: Observe) => void) =>
    meter
      .createObservableCounter(name, { unit, description })
      .addCallback((result) => read(result.observe.bind(result)));
  const gauge = ({ name, unit, description }: Instrument, read: (observe: Observe) => void) =>
    meter
      .createObservableGauge(name, { unit, description })
      .addCallback((result) => read(result.observe.bind(result)));
  counter(instruments.queries, (observe) => {
    observe(statistics.answered, { outcome: "answered" });
    for (const reason of failureReasons)
      observe(statistics.refusedBy(reason), { outcome: "refused", reason });
  });
  for (const metric of Object.values<TaskCounter | TaskHistogram>(taskMetrics))
    registerTaskMetric(telemetry, metric, sources.tasks);
  counter(instruments.stageTime, (observe) => {
    const totals = statistics.totalsOf(view.catalog.variants.map((v) => v.name));
    observe(totals.successMs, { stage: "total" });
    observe(totals.queueMs, { stage: "queue" });
    observe(totals.gatherMs, { stage: "gather" });
    observe(totals.runMs, { stage: "run" });
    observe(totals.scatterMs, { stage: "scatter" });
  });
  counter(instruments.receipts, (observe) => {
    for (const [executor, usd] of statistics.receipts()) observe(usd, { executor });
  });
  for (const metric of Object.values<DemandMetric>(demandMetrics)) {
    const register = metric.kind === "counter" ? counter : gauge;
    register(metric, (observe) => {
      for (const reading of demand.readings()) {
        const ofClass = demandAttributes(reading.demandClass);
        for (const { value, attributes } of metric.points(reading))
          observe(value, { ...ofClass, ...attributes });
      }
    });
  }
  gauge(instruments.attainment, (observe) => {
    for (const { demandClass, attainment } of demandTable.attainmentOf(frontend))
      observe(attainment, demandAttributes(demandClass));
  });
  gauge(instruments.inFlight, (observe) => observe(router.inFlight));
  gauge(instruments.jobRows, (observe) => {
    if (!jobs.isLeading) return;
    observe(jobs.rowsInFlight, { kind: "in_flight" });
    observe(jobs.rowsMax, { kind: "allowed" });
  });
  gauge(instruments.coldWaiters, (observe) => observe(coldStarts.count));
  gauge(instruments.instances, (observe) => observe(view.instances.length));
  gauge(instruments.hosts, (observe) => {
    const states = view.hosts.map(({ state }) => stateName(state));
    for (const state of new Set(states)) observe(states.filter((s) => s === state).length, { state });
  });
  gauge(instruments.hostsWanted, (observe) => {
    if (scaling.state !== null) observe(scaling.state.wantedHosts);
  });
  counter(instruments.hostChanges, (observe) => {
    for (const kind of ["start", "drain", "cancel", "remove", "load", "unload"] as const)
      observe(scaling.count(kind), { kind });
  });
  const byFace = (read: (load: ServerLoad) => number) => (observe: Observe) => {
    for (const [face, { load }] of faces) observe(read(load), { face });
  };
  gauge(
    instruments.openCalls,
    byFace((load) => load.openCalls),
  );
  gauge(
    instruments.connections,
    byFace((load) => load.connections),
  );
  gauge(
    instruments.heldBytes,
    byFace((load) => load.heldBytes + load.connectionBytes),
  );
  counter(instruments.turnedAway, (observe) => {
    for (const [face, { load }] of faces)
      for (const [reason, count] of Object.entries(load.refused)) observe(count, { face, reason });
  });
  gauge(instruments.snapshotAge, (observe) => {
    if (Number.isFinite(view.ageMs)) observe(view.ageMs);
  });
}

function registerTaskMetric(
  { meter, addHistogram }: Pick<Telemetry, "meter" | "addHistogram">,
  metric: TaskCounter | TaskHistogram,
  tasks: TaskCounters,
): void {
  if (metric.kind === "histogram") {
    addHistogram(metric, () => tasks.readings().flatMap((counts) => metric.points(counts)));
    return;
  }
  const { name, unit, description } = metric;
  meter.createObservableCounter(name, { unit, description }).addCallback((result) => {
    for (const counts of tasks.readings())
      for (const { value, attributes } of metric.points(counts)) result.observe(value, attributes);
  });
}
