import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-grpc";
import {
  AggregationTemporality,
  InstrumentType,
  type PushMetricExporter,
  type ResourceMetrics,
} from "@opentelemetry/sdk-metrics";

import { metadataFrom } from "../rpc/client/client";
import { type DialSecurity, dialPlain, dialWith } from "../security/dial-security";

/** How long one export to one target may take. */
const EXPORT_TIMEOUT_MS = 2_000;
/** Exports to one target that may be under way; the next one is dropped, as newer figures will follow. */
const EXPORTS_AT_ONCE_MAX = 2;

/**
 * Sends every collection to a changing set of receivers. OpenTelemetry's readers are fixed when the process
 * starts; one reader exports here, and receivers are added and removed behind it. One that is away does not
 * delay the others.
 */
export class MetricTargets implements PushMetricExporter {
  private readonly exporters = new Map<string, PushMetricExporter>();
  private readonly members = new Set<string>();
  private readonly dial: DialSecurity;
  private token: string | null;

  /** `dial`: how members of the system are called. */
  constructor(dial: DialSecurity) {
    this.dial = dial;
    this.token = dial.authorization();
  }

  /** Adds a frontend. */
  add(address: string): void {
    if (this.exporters.has(address)) return;
    this.members.add(address);
    this.exporters.set(address, createMetricExporter(address, this.dial));
  }

  /** Adds a collector outside the system. */
  addCollector(address: string, exporter: PushMetricExporter): void {
    this.exporters.set(address, exporter);
  }

  remove(address: string): void {
    const exporter = this.exporters.get(address);
    this.exporters.delete(address);
    this.members.delete(address);
    exporter?.shutdown().catch(ignore);
  }

  export(metrics: ResourceMetrics, done: (result: ExportResult) => void): void {
    this.renew();
    for (const exporter of this.exporters.values()) exporter.export(metrics, ignore);
    done({ code: ExportResultCode.SUCCESS });
  }

  /** Exporters keep the token they began with: after a change they are made anew. */
  private renew(): void {
    const token = this.dial.authorization();
    if (token === this.token) return;
    this.token = token;
    for (const address of this.members) {
      this.remove(address);
      this.add(address);
    }
  }

  /**
   * Counts are of the whole life of the process, so that a lost export loses nothing. Gauges are those observed now: with the
   * other choice the SDK repeats the last value of what is there no longer, for ever.
   */
  selectAggregationTemporality(type: InstrumentType): AggregationTemporality {
    return type === InstrumentType.OBSERVABLE_GAUGE
      ? AggregationTemporality.DELTA
      : AggregationTemporality.CUMULATIVE;
  }

  async forceFlush(): Promise<void> {
    await Promise.all([...this.exporters.values()].map((exporter) => exporter.forceFlush().catch(ignore)));
  }

  async shutdown(): Promise<void> {
    const exporters = [...this.exporters.values()];
    this.exporters.clear();
    await Promise.all(exporters.map((exporter) => exporter.shutdown().catch(ignore)));
  }
}

/** How long exports may take, how many there may be, and of what they are. */
export const METRIC_EXPORT_LIMITS = {
  timeoutMillis: EXPORT_TIMEOUT_MS,
  concurrencyLimit: EXPORTS_AT_ONCE_MAX,
  temporalityPreference: AggregationTemporality.CUMULATIVE,
} as const;

/** Returns what sends metrics over gRPC. */
export function createMetricExporter(address: string, dial: DialSecurity): OTLPMetricExporter {
  return new OTLPMetricExporter({
    url: otlpUrl(address),
    credentials: dial.credentials,
    metadata: metadataFrom({}, dial),
    ...METRIC_EXPORT_LIMITS,
  });
}

/** Returns how to call a collector outside the system: with TLS when its address begins with https. */
export function dialCollector(address: string): DialSecurity {
  return address.startsWith("https:") ? dialWith({ tls: true }) : dialPlain;
}

/** Returns the URL of `host:port`; one that is a URL already stays as it is. */
export function otlpUrl(address: string): string {
  return address.includes("://") ? address : `http://${address}`;
}

/** A failed export is not an event: the next one carries the same sums. */
function ignore(): void {}
