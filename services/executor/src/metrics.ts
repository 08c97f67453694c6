import { executorMetrics } from "@infaas/api";
import { type Clock, processUsage, type Telemetry } from "@infaas/runtime";
import type { BatchingWatch } from "./instances/batching-watch";
import type { Executor } from "./instances/executor";
import type { LiveFigures } from "./instances/live-figures";
import type { Utilisation } from "./instances/utilisation";

/** Instruments of an executor. */
export const instruments = executorMetrics;

export interface MetricSources {
  readonly executor: Executor;
  readonly batching: Pick<BatchingWatch, "entries">;
  readonly figures: LiveFigures;
  readonly utilisation: Utilisation;
  /** Name and resident memory of every engine process. */
  readonly processes: () => readonly { readonly name: string; readonly residentBytes: number }[];
  readonly clock: Clock;
}

/**
 * Registers every instrument; values are read when the exporter asks, nothing is recorded on the way of a
 * query.
 */
export function registerMetrics(meter: Telemetry["meter"], sources: MetricSources): void {
  const { executor, utilisation } = sources;
  const host = { executor: executor.name };
  gauge(meter, instruments.utilisation, (observe) => observe(utilisation.value(), host));
  gauge(meter, instruments.memoryFree, (observe) => observe(executor.memoryFreeBytes, host));
  gauge(meter, instruments.memoryResident, (observe) => {
    observe(processUsage.residentBytes(), { ...host, process: "executor" });
    for (const { name, residentBytes } of sources.processes())
      observe(residentBytes, { ...host, process: name });
  });
  gauge(meter, instruments.inFlight, (observe) =>
    observe(
      executor.held().reduce((sum, { inFlight }) => sum + inFlight, 0),
      host,
    ),
  );
  gauge(meter, instruments.drain, (observe) => {
    for (const { name, engine } of readyInstances(executor))
      observe(engine.drainTimeMs(), { ...host, variant: name });
  });
  gauge(meter, instruments.queued, (observe) => {
    for (const { name, engine } of readyInstances(executor))
      observe(engine.queuedRows, { ...host, variant: name });
  });
  registerFigures(meter, sources, host);
  counter(meter, instruments.rechecked, (observe) => {
    for (const [variant, { checked }] of sources.batching.entries()) observe(checked, { ...host, variant });
  });
  counter(meter, instruments.recheckDiffered, (observe) => {
    for (const [variant, { differed }] of sources.batching.entries()) observe(differed, { ...host, variant });
  });
}

type Observe = (value: number, attributes: Record<string, string>) => void;
type Instrument = { readonly name: string; readonly unit: string; readonly description: string };

function registerFigures(
  meter: Telemetry["meter"],
  sources: MetricSources,
  host: { executor: string },
): void {
  const { figures } = sources;
  counter(meter, instruments.served, (observe) => {
    for (const [variant, figure] of figures.entries()) observe(figure.servedRows, { ...host, variant });
  });
  counter(meter, instruments.refused, (observe) => {
    for (const [variant, figure] of figures.entries()) observe(figure.refused, { ...host, variant });
  });
  gauge(meter, instruments.latency, (observe) => {
    for (const { variant, recent } of recentOf(sources)) observe(recent.p95Ms, { ...host, variant });
  });
  gauge(meter, instruments.batch, (observe) => {
    for (const { variant, recent } of recentOf(sources)) observe(recent.batchRows, { ...host, variant });
  });
}

function recentOf({ figures, clock }: MetricSources) {
  return [...figures.entries()].flatMap(([variant, { recent }]) => {
    const summary = recent.summary(clock.nowMs());
    return summary === null ? [] : [{ variant, recent: summary }];
  });
}

function gauge(meter: Telemetry["meter"], instrument: Instrument, read: (observe: Observe) => void): void {
  const { name, ...described } = instrument;
  meter.createObservableGauge(name, described).addCallback((result) => {
    read((value, attributes) => result.observe(value, attributes));
  });
}

function counter(meter: Telemetry["meter"], instrument: Instrument, read: (observe: Observe) => void): void {
  const { name, ...described } = instrument;
  meter.createObservableCounter(name, described).addCallback((result) => {
    read((value, attributes) => result.observe(value, attributes));
  });
}

function readyInstances(executor: Executor) {
  return executor.held().flatMap((instance) => {
    const engine = instance.readyEngine;
    return engine === null ? [] : [{ name: instance.spec.name, engine }];
  });
}
