import { createTelemetry, type DialSecurity, type Lifecycle, type Telemetry } from "@infaas/runtime";
import type { FrontendConfig } from "../config";
import { TraceFile, type TraceFileOptions } from "./trace-file";

/** Metrics and spans that leave by OTLP, until the process ends. */
export function startTelemetry(config: FrontendConfig, dial: DialSecurity, lifecycle: Lifecycle): Telemetry {
  const telemetry = createTelemetry({
    service: "infaas-frontend",
    instance: config.name,
    otlpEndpoint: config.otlpEndpoint,
    sampleRatio: config.traceSampleRatio,
    metricPeriodMs: config.metricPeriodMs,
    dial,
  });
  lifecycle.onStop("telemetry", () => telemetry.shutdown());
  return telemetry;
}

/** Traces in a file besides those that leave by OTLP, where the operator says so. */
export function openTraceFile(
  path: string | null,
  o: Omit<TraceFileOptions, "path">,
  lifecycle: Lifecycle,
): TraceFile | null {
  if (path === null) return null;
  const file = new TraceFile({ ...o, path });
  lifecycle.onStop("trace file", async () => file.close());
  return file;
}
