import type { Clock, Telemetry } from "@infaas/runtime";
import type { Executor } from "./instances/executor";
import type { LiveFigures } from "./instances/live-figures";
import type { Utilisation } from "./instances/utilisation";

/** Every instrument of an executor: name, unit, meaning. */
export const instruments = {
  utilisation: {
    name: "infaas.executor.utilisation",
    unit: "1",
    description: "Busy share of this executor's cores.",
  },
  memoryFree: {
    name: "infaas.executor.memory.free",
    unit: "By",
    description: "Memory not set aside for an instance.",
  },
  served: { name: "infaas.instance.served", unit: "{item}", description: "Rows answered." },
  refused: {
    name: "infaas.instance.refused",
    unit: "{query}",
    description: "Queries refused by an instance.",
  },
  latency: {
    name: "infaas.instance.latency",
    unit: "ms",
    description: "95th percentile of what the engine took for a batch in the last second.",
  },
  drain: {
    name: "infaas.instance.drain",
    unit: "ms",
    description: "Predicted time until the queue is answered.",
  },
  queued: { name: "infaas.instance.queued", unit: "{item}", description: "Rows waiting for a batch." },
  batch: {
    name: "infaas.instance.batch",
    unit: "{item}",
    description: "Mean rows per batch in the last second.",
  },
} as const;

export interface MetricSources {
  readonly executor: Executor;
  readonly figures: LiveFigures;
  readonly utilisation: Utilisation;
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
  gauge(meter, instruments.drain, (observe) => {
    for (const { name, engine } of readyInstances(executor))
      observe(engine.drainTimeMs(), { ...host, variant: name });
  });
  gauge(meter, instruments.queued, (observe) => {
    for (const { name, engine } of readyInstances(executor))
      observe(engine.queuedRows, { ...host, variant: name });
  });
  registerFigures(meter, sources, host);
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
