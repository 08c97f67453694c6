import type { Meter } from "@opentelemetry/api";
import type { DialSecurity } from "../security/dial-security";
import type { HistogramPoint } from "./histogram";
import type { Instrument } from "./instruments";
import type { OtlpProtocol } from "./otel-variables";
import type { SpanRecorder } from "./span-recorder";

/**
 * Metrics and spans of a process. Instruments are observable: they read plain numbers at export, so that a
 * query costs none.
 */
export interface Telemetry {
  readonly meter: Meter;
  /** Exports a histogram that its owner counts; it is read at export. */
  addHistogram(instrument: Instrument, read: () => readonly HistogramPoint[]): void;
  /** Sends metrics to `host:port` as well, from the next period on; adding twice is adding once. */
  addMetricTarget(address: string): void;
  removeMetricTarget(address: string): void;
  readonly tracer: SpanRecorder;
  /** Sends what is left, at most 1.5 s. */
  shutdown(): Promise<void>;
}

export interface TelemetryOptions {
  readonly service: string;
  readonly instance: string;
  /** `host:port` or URL of a collector. */
  readonly otlpEndpoint: string | null;
  /** How it is spoken to; default: gRPC. */
  readonly otlpProtocol?: OtlpProtocol;
  /** 0..1; applies where the caller did not decide. */
  readonly sampleRatio: number;
  readonly metricPeriodMs: number;
  /** How frontends, which take metrics too, are called; default: in the clear. */
  readonly dial?: DialSecurity;
}
