import {
  type ExecutorFigures,
  type ExportMetricsServiceRequest,
  executorMetrics,
  type InstanceFigures,
  type KeyValue,
  MetricsService,
  type NumberDataPoint,
} from "@infaas/api";
import { type Implementation, implementService } from "@infaas/runtime";
import { type DemandCounts, type DemandReading, demandKey, noDemand } from "./demand-class";
import { demandClassFrom, demandFact } from "./demand-metrics";

/** Consumer of what executors export. */
export interface FiguresSink {
  executorFigures(figures: ExecutorFigures): void;
  instanceFigures(figures: InstanceFigures): void;
}

/** Consumer of what other frontends export: cumulative counts of all their demand classes. */
export type DemandSink = (frontend: string, readings: readonly DemandReading[]) => void;

/** The OTLP metrics service: executors and frontends export to every frontend. Unknown metrics are ignored. */
export function otlpReceiver(sink: FiguresSink, demand: DemandSink): Implementation {
  return implementService(MetricsService, {
    export: async (request) => {
      const { executors, instances } = readFigures(request);
      for (const figures of executors) sink.executorFigures(figures);
      for (const figures of instances) sink.instanceFigures(figures);
      for (const [frontend, readings] of readDemand(request)) demand(frontend, readings);
      return {};
    },
  });
}

/** Figures by the name of the metric that carries them. */
const executorFields = new Map<string, Exclude<keyof ExecutorFigures, "executor">>([
  [executorMetrics.utilisation.name, "utilisation"],
  [executorMetrics.memoryFree.name, "memoryFreeBytes"],
  [executorMetrics.memoryResident.name, "memoryResidentBytes"],
  [executorMetrics.inFlight.name, "inFlight"],
]);
const instanceFields = new Map<string, Exclude<keyof InstanceFigures, "executor" | "variant">>([
  [executorMetrics.served.name, "servedTotal"],
  [executorMetrics.refused.name, "refusedTotal"],
  [executorMetrics.latency.name, "latencyP95Ms"],
  [executorMetrics.batch.name, "batchSize"],
  [executorMetrics.drain.name, "drainMs"],
]);

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The figures in one export. */
export function readFigures(request: ExportMetricsServiceRequest): {
  readonly executors: readonly ExecutorFigures[];
  readonly instances: readonly InstanceFigures[];
} {
  const executors = new Map<string, Mutable<ExecutorFigures>>();
  const instances = new Map<string, Mutable<InstanceFigures>>();
  const executorOf = (executor: string) =>
    getOrAdd(executors, executor, () => ({
      executor,
      utilisation: null,
      memoryFreeBytes: null,
      memoryResidentBytes: null,
      inFlight: null,
    }));
  const instanceOf = (executor: string, variant: string) =>
    getOrAdd(instances, `${executor} ${variant}`, () => ({
      variant,
      executor,
      servedTotal: null,
      refusedTotal: null,
      latencyP95Ms: null,
      batchSize: null,
      drainMs: null,
    }));
  for (const resource of request.resourceMetrics) {
    const origin = text(resource.resource?.attributes ?? [], "service.instance.id");
    for (const metric of resource.scopeMetrics.flatMap((scope) => scope.metrics)) {
      for (const point of pointsOf(metric.data)) {
        const executor = text(point.attributes, "executor") ?? origin;
        const value = numberOf(point);
        if (executor === null || value === null) continue;
        const variant = text(point.attributes, "variant");
        const ofExecutor = executorFields.get(metric.name);
        if (ofExecutor !== undefined)
          executorOf(executor)[ofExecutor] = value + told(executorOf(executor), ofExecutor);
        const ofInstance = instanceFields.get(metric.name);
        if (ofInstance !== undefined && variant !== null) instanceOf(executor, variant)[ofInstance] = value;
      }
    }
  }
  return { executors: [...executors.values()], instances: [...instances.values()] };
}

/** What a point is added to: resident memory has one for each process. */
function told(figures: ExecutorFigures, field: Exclude<keyof ExecutorFigures, "executor">): number {
  return field === "memoryResidentBytes" ? (figures[field] ?? 0) : 0;
}

/** A class as it is read together from the points of one export. */
type ReadDemand = Mutable<DemandReading> & {
  readonly counts: DemandCounts;
  readonly bursts: Map<number, number>;
};

/** Demand in one export, by the frontend that counted it; of one without demand yet the list is empty. */
export function readDemand(
  request: ExportMetricsServiceRequest,
): ReadonlyMap<string, readonly DemandReading[]> {
  const byFrontend = new Map<string, Map<string, ReadDemand>>();
  for (const resource of request.resourceMetrics) {
    const attributes = resource.resource?.attributes ?? [];
    const frontend = text(attributes, "service.instance.id");
    if (frontend === null || text(attributes, "service.name") !== FRONTEND_SERVICE) continue;
    const readings = getOrAdd(byFrontend, frontend, () => new Map());
    for (const metric of resource.scopeMetrics.flatMap((scope) => scope.metrics))
      for (const point of pointsOf(metric.data)) takePoint(readings, metric.name, point);
  }
  return new Map([...byFrontend].map(([frontend, readings]) => [frontend, [...readings.values()]]));
}

function takePoint(readings: Map<string, ReadDemand>, metric: string, point: NumberDataPoint): void {
  const fact = demandFact(metric, point.attributes);
  const demandClass = fact === null ? null : demandClassFrom(point.attributes);
  const value = numberOf(point);
  if (fact === null || demandClass === null || value === null) return;
  const reading = getOrAdd(readings, demandKey(demandClass), () => ({
    demandClass,
    counts: noDemand(),
    latencyMs: null,
    bursts: new Map(),
  }));
  if (fact.kind === "count") reading.counts[fact.field] = value;
  else if (fact.kind === "latency") reading.latencyMs = value;
  else if (reading.bursts.size < BURST_WINDOWS_MAX) reading.bursts.set(fact.windowMs, value);
}

/** `service.name` of every frontend's telemetry. */
export const FRONTEND_SERVICE = "infaas-frontend";
/** Windows of one class that are taken; an envelope has 14 at most. */
const BURST_WINDOWS_MAX = 16;

function pointsOf(data: ExportMetricsData): readonly NumberDataPoint[] {
  return data.case === "gauge" || data.case === "sum" ? data.value.dataPoints : [];
}

type ExportMetricsData =
  ExportMetricsServiceRequest["resourceMetrics"][number]["scopeMetrics"][number]["metrics"][number]["data"];

function numberOf(point: NumberDataPoint): number | null {
  return point.value.case === undefined ? null : Number(point.value.value);
}

function text(attributes: readonly KeyValue[], key: string): string | null {
  const value = attributes.find((a) => a.key === key)?.value?.value;
  return value?.case === "stringValue" ? value.value : null;
}

function getOrAdd<V>(map: Map<string, V>, key: string, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
