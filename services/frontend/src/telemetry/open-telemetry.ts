import {
  type Clock,
  createSampler,
  type Lifecycle,
  type Logger,
  type Random,
  type Telemetry,
} from "@infaas/runtime";
import type { FrontendConfig } from "../config";
import { TraceFile } from "./trace-file";
import { TraceSettings } from "./trace-settings";
import { QueryTraces } from "./traces";

/** Traces of a frontend. */
export interface FrontendTelemetry {
  readonly traces: QueryTraces;
  readonly traceSettings: TraceSettings;
}

interface TelemetryPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly telemetry: Telemetry;
}

/** Traces go to a file as well, or alone, where the operator says so, until the process ends. */
export function openTelemetry(
  config: FrontendConfig,
  { clock, random, logger, telemetry }: TelemetryPorts,
  lifecycle: Lifecycle,
): FrontendTelemetry {
  const { otlpEndpoint, traceSampleRatio: sampleRatio } = config;
  const { tracer } = telemetry;
  const file = config.traceFile === null ? null : new TraceFile({ path: config.traceFile, clock, logger });
  if (file !== null) lifecycle.onStop("trace file", async () => file.close());
  const recorder = file !== null && otlpEndpoint === null ? createSampler({ sampleRatio, random }) : tracer;
  const traceSettings = new TraceSettings(recorder, file);
  const traces = new QueryTraces({ recorder, clock, logger, settings: traceSettings, file });
  return { traces, traceSettings };
}
