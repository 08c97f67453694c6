import { credentials } from "@grpc/grpc-js";
import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-grpc";
import {
  AggregationTemporality,
  type PushMetricExporter,
  type ResourceMetrics,
} from "@opentelemetry/sdk-metrics";

/** How long one export to one target may take. */
const exportTimeoutMs = 2_000;
/** Exports to one target that may be under way; the next one is dropped, as newer figures will follow. */
const exportsAtOnceMax = 2;

/**
 * Sends every collection to a changing set of receivers. OpenTelemetry's readers are fixed when the process starts;
 * one reader exports here, and frontends come and go below it. A receiver that is away costs the others nothing.
 */
export class MetricTargets implements PushMetricExporter {
  readonly #exporters = new Map<string, OTLPMetricExporter>();

  add(address: string): void {
    if (this.#exporters.has(address)) return;
    this.#exporters.set(address, createExporter(address));
  }

  remove(address: string): void {
    const exporter = this.#exporters.get(address);
    this.#exporters.delete(address);
    exporter?.shutdown().catch(ignore);
  }

  export(metrics: ResourceMetrics, done: (result: ExportResult) => void): void {
    for (const exporter of this.#exporters.values()) exporter.export(metrics, ignore);
    done({ code: ExportResultCode.SUCCESS });
  }

  /** Values since the process began, so that a lost export loses nothing. */
  selectAggregationTemporality(): AggregationTemporality {
    return AggregationTemporality.CUMULATIVE;
  }

  async forceFlush(): Promise<void> {
    await Promise.all([...this.#exporters.values()].map((exporter) => exporter.forceFlush().catch(ignore)));
  }

  async shutdown(): Promise<void> {
    const exporters = [...this.#exporters.values()];
    this.#exporters.clear();
    await Promise.all(exporters.map((exporter) => exporter.shutdown().catch(ignore)));
  }
}

function createExporter(address: string): OTLPMetricExporter {
  return new OTLPMetricExporter({
    url: otlpUrl(address),
    credentials: credentials.createInsecure(),
    timeoutMillis: exportTimeoutMs,
    concurrencyLimit: exportsAtOnceMax,
    temporalityPreference: AggregationTemporality.CUMULATIVE,
  });
}

/** Returns the URL of `host:port`; one that is a URL already stays as it is. */
export function otlpUrl(address: string): string {
  return address.includes("://") ? address : `http://${address}`;
}

/** A failed export is not an event: the next one carries the same sums. */
function ignore(): void {}
