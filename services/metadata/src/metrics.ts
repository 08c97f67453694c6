import type { Telemetry } from "@infaas/runtime";
import type { Metadata } from "./metadata";

/** Every instrument of the metadata service: name, unit, meaning. */
export const instruments = {
  revision: {
    name: "infaas.metadata.revision",
    unit: "{revision}",
    description: "Revision of the store up to which this process has seen every change.",
  },
  records: { name: "infaas.metadata.records", unit: "{record}", description: "Records that watchers see." },
  watchers: { name: "infaas.metadata.watchers", unit: "{watcher}", description: "Open watches." },
  watchersDropped: {
    name: "infaas.metadata.watchers.dropped",
    unit: "{watcher}",
    description: "Watches ended because their reader did not keep up.",
  },
  snapshots: {
    name: "infaas.metadata.snapshots",
    unit: "{snapshot}",
    description: "Times the whole store was read: at the start, and when a watched revision was compacted.",
  },
  receivedBytes: {
    name: "infaas.metadata.artifact.received",
    unit: "By",
    description: "Bytes of model files received by uploads.",
  },
  collected: {
    name: "infaas.metadata.artifact.collected",
    unit: "{file}",
    description: "Leftovers collected: parts of broken uploads, and files that no record names.",
  },
} as const;

type Instrument = (typeof instruments)[keyof typeof instruments];

/** Registers every instrument; values are read when the exporter asks. */
export function registerMetrics(meter: Telemetry["meter"], { hub, artifacts, collection }: Metadata): void {
  const gauge = ({ name, ...meaning }: Instrument, read: () => number) =>
    meter.createObservableGauge(name, meaning).addCallback((result) => result.observe(read()));
  const counter = ({ name, ...meaning }: Instrument, read: () => number) =>
    meter.createObservableCounter(name, meaning).addCallback((result) => result.observe(read()));
  gauge(instruments.revision, () => Number(hub.view.revision));
  gauge(instruments.records, () => hub.view.size);
  gauge(instruments.watchers, () => hub.watcherCount);
  counter(instruments.watchersDropped, () => hub.droppedCount);
  counter(instruments.snapshots, () => hub.readCount);
  counter(instruments.receivedBytes, () => artifacts.receivedBytes);
  counter(instruments.collected, () => collection.collectedCount);
}
