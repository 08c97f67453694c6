import {
  defaultResource,
  detectResources,
  envDetector,
  type Resource,
  resourceFromAttributes,
} from "@opentelemetry/resources";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { systemRandom } from "../process/random";
import { dialPlain } from "../security/dial-security";
import { sleep, systemClock } from "../time/clock";
import { type Collector, metricExporterFor, spanExporterFor } from "./collector-exporters";
import { MetricTargets } from "./metric-targets";
import { createSpanRecorder } from "./otel-spans";
import { ReadHistograms } from "./read-histograms";
import { noSpans } from "./span-recorder";
import type { Telemetry, TelemetryOptions } from "./telemetry";

/** Spans that may wait for the collector, and how many go at once: seconds of full sampling at full load. */
const SPAN_QUEUE_MAX = 65_536;
const SPAN_BATCH_MAX = 2_048;
const SPAN_DELAY_MS = 1_000;
/** How long the last export may hold up the end of the process. */
const SHUTDOWN_MAX_MS = 1_500;

/** Opens OpenTelemetry's providers as `createTelemetry` describes. */
export function openTelemetry(o: TelemetryOptions): Telemetry {
  const resource = resourceOf(o);
  const { otlpEndpoint: endpoint, otlpProtocol: protocol = "grpc" } = o;
  const collector = endpoint === null ? null : { endpoint, protocol };
  const targets = new MetricTargets(o.dial ?? dialPlain);
  if (collector !== null) targets.addCollector(collector.endpoint, metricExporterFor(collector));
  const histograms = new ReadHistograms(systemClock, resource, { name: o.service });
  const reader = new PeriodicExportingMetricReader({
    exporter: targets,
    metricProducers: [histograms],
    exportIntervalMillis: o.metricPeriodMs,
    exportTimeoutMillis: o.metricPeriodMs,
  });
  const metrics = new MeterProvider({ resource, readers: [reader] });
  const spans = collector === null ? null : spansTo(collector, resource, o);
  return {
    meter: metrics.getMeter(o.service),
    addHistogram: (instrument, read) => histograms.add(instrument, read),
    addMetricTarget: (address) => targets.add(address),
    removeMetricTarget: (address) => targets.remove(address),
    tracer: spans?.recorder ?? noSpans,
    shutdown: async () => {
      const done = new AbortController();
      const closing = Promise.allSettled([metrics.shutdown(), spans?.processor.shutdown()]);
      await Promise.race([closing, sleep(systemClock, SHUTDOWN_MAX_MS, done.signal)]);
      done.abort();
    },
  };
}

/** Of the SDK, of this process, then as OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME say; who it is nobody else says. */
function resourceOf({ service, instance }: TelemetryOptions): Resource {
  return defaultResource()
    .merge(resourceFromAttributes({ "service.name": service }))
    .merge(detectResources({ detectors: [envDetector] }))
    .merge(resourceFromAttributes({ "service.instance.id": instance }));
}

function spansTo(collector: Collector, resource: Resource, o: { service: string; sampleRatio: number }) {
  const exporter = spanExporterFor(collector);
  const processor = new BatchSpanProcessor(exporter, {
    maxQueueSize: SPAN_QUEUE_MAX,
    maxExportBatchSize: SPAN_BATCH_MAX,
    scheduledDelayMillis: SPAN_DELAY_MS,
  });
  const { service, sampleRatio } = o;
  const recorder = createSpanRecorder({ processor, resource, service, sampleRatio, random: systemRandom });
  return { processor, recorder };
}
