import type { PushMetricExporter } from "@opentelemetry/sdk-metrics";
import type { SpanExporter } from "@opentelemetry/sdk-trace-base";
import { createMetricExporter, dialCollector, METRIC_EXPORT_LIMITS, otlpUrl } from "./metric-targets";
import type { OtlpProtocol } from "./otel-variables";

/** A collector outside the system; it is sent no credentials of the system's. */
export interface Collector {
  readonly endpoint: string;
  readonly protocol: OtlpProtocol;
}

/** Returns what sends metrics to a collector. Few processes are given one, and fewer over HTTP: the rest is loaded here. */
export function metricExporterFor({ endpoint, protocol }: Collector): PushMetricExporter {
  if (protocol === "grpc") return createMetricExporter(endpoint, dialCollector(endpoint));
  const { OTLPMetricExporter } =
    require("@opentelemetry/exporter-metrics-otlp-proto") as typeof import("@opentelemetry/exporter-metrics-otlp-proto");
  return new OTLPMetricExporter({ url: signalUrl(endpoint, "metrics"), ...METRIC_EXPORT_LIMITS });
}

/** Returns what sends spans to a collector. */
export function spanExporterFor({ endpoint, protocol }: Collector): SpanExporter {
  if (protocol === "grpc") {
    const { OTLPTraceExporter } =
      require("@opentelemetry/exporter-trace-otlp-grpc") as typeof import("@opentelemetry/exporter-trace-otlp-grpc");
    const { credentials } = dialCollector(endpoint);
    return new OTLPTraceExporter({ url: otlpUrl(endpoint), credentials });
  }
  const { OTLPTraceExporter } =
    require("@opentelemetry/exporter-trace-otlp-proto") as typeof import("@opentelemetry/exporter-trace-otlp-proto");
  return new OTLPTraceExporter({ url: signalUrl(endpoint, "traces") });
}

/** Path of a signal below the endpoint, as the specification of OTLP over HTTP has it. */
function signalUrl(endpoint: string, signal: "metrics" | "traces"): string {
  return `${otlpUrl(endpoint).replace(/\/+$/, "")}/v1/${signal}`;
}
