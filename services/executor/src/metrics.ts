import { executorMetrics } from "@infaas/api";
import type { Telemetry } from "@infaas/runtime";
import type { ToldExecutor, ToldFigures, ToldInstance } from "./core/read-figures";

/** Instruments of an executor. */
export const instruments = executorMetrics;

type Instrument = keyof typeof instruments;
type Told<T> = { readonly [K in keyof T]: T[K] extends number | null ? K : never }[keyof T];

/** What a counter counts, since its instance was loaded. */
const counters = {
  served: "servedTotal",
  refused: "refusedTotal",
  coreWaits: "coreWaits",
  coreWaited: "coreWaitedSeconds",
  rechecked: "rechecked",
  recheckDiffered: "recheckDiffered",
} as const satisfies Partial<Record<Instrument, Told<ToldInstance>>>;

/** What a gauge of an instance shows. */
const gauges = {
  latency: "latencyP95Ms",
  batch: "batchSize",
  drain: "drainMs",
  queued: "queuedRows",
} as const satisfies Partial<Record<Instrument, Told<ToldInstance>>>;

/** What a gauge of the host shows. */
const hostGauges = {
  utilisation: "utilisation",
  coresInUse: "coresInUse",
  memoryFree: "memoryFreeBytes",
  inFlight: "inFlight",
} as const satisfies Partial<Record<Instrument, Told<ToldExecutor>>>;

/**
 * Registers every instrument; all are observed from one reading when the exporter asks, nothing is recorded on the way of a
 * query. What is null is not observed.
 */
export function registerMetrics(meter: Telemetry["meter"], read: () => ToldFigures): void {
  const gauge = (key: Instrument) => meter.createObservableGauge(instruments[key].name, instruments[key]);
  const counter = (key: Instrument) => meter.createObservableCounter(instruments[key].name, instruments[key]);
  const ofInstance = [...made(counters, counter), ...made(gauges, gauge)];
  const ofHost = made(hostGauges, gauge);
  const resident = gauge("memoryResident");
  meter.addBatchObservableCallback(
    (result) => {
      const { executor, processes, instances } = read();
      const host = { executor: executor.executor };
      for (const [observable, field] of ofHost) {
        const value = executor[field];
        if (value !== null) result.observe(observable, value, host);
      }
      for (const { name, residentBytes } of processes)
        result.observe(resident, residentBytes, { ...host, process: name });
      for (const instance of instances)
        for (const [observable, field] of ofInstance) {
          const value = instance[field];
          if (value !== null) result.observe(observable, value, { ...host, variant: instance.variant });
        }
    },
    [resident, ...ofHost.map(([observable]) => observable), ...ofInstance.map(([observable]) => observable)],
  );
}

/** Instruments with the figures that they show. */
function made<F, O>(
  table: { readonly [K in Instrument]?: F },
  make: (key: Instrument) => O,
): readonly (readonly [O, F])[] {
  return Object.entries(table).map(([key, field]) => [make(key as Instrument), field as F] as const);
}
