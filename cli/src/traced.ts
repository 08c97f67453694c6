import {
  codeName,
  createTelemetry,
  formatTraceparent,
  otelVariables,
  parseAddress,
  ServiceError,
  systemClock,
} from "@infaas/runtime";

const METHOD = "infaas.v1.InferenceService/Query";
/** Metrics are none of a command's; the period is longer than any lasts. */
const METRIC_PERIOD_MS = 3_600_000;

/** What one query is sent to. */
interface TracedCall {
  readonly target: string;
  /** host:port of the frontend. */
  readonly address: string;
}

/**
 * Runs `call` within a span of this command, where OTEL_EXPORTER_OTLP_ENDPOINT names a collector; `call` is given the span's
 * `traceparent`, null where there is none. Every query is sampled unless OTEL_TRACES_SAMPLER says otherwise.
 */
export async function traced<T>(
  { target, address }: TracedCall,
  call: (traceparent: string | null) => Promise<T>,
): Promise<T> {
  const { values } = otelVariables(process.env);
  const { INFAAS_OTLP_ENDPOINT: otlpEndpoint, INFAAS_TRACE_SAMPLE_RATIO: ratio = "1" } = values;
  if (otlpEndpoint === undefined) return call(null);
  const telemetry = createTelemetry({
    service: "infaas-cli",
    instance: String(process.pid),
    otlpEndpoint,
    otlpProtocol: values.INFAAS_OTLP_PROTOCOL === "http/protobuf" ? "http/protobuf" : "grpc",
    sampleRatio: Number(ratio),
    metricPeriodMs: METRIC_PERIOD_MS,
  });
  const { tracer } = telemetry;
  const context = tracer.start(undefined);
  const startEpochMs = systemClock.epochMs();
  const startMs = systemClock.nowMs();
  const ended = (code: string, error?: string) => {
    if (context === null) return;
    const { host, port } = parseAddress(address) ?? { host: address, port: 0 };
    tracer.record({
      name: METHOD,
      kind: "client",
      context,
      startEpochMs,
      endEpochMs: startEpochMs + systemClock.nowMs() - startMs,
      attributes: {
        "rpc.system.name": "grpc",
        "rpc.method": METHOD,
        "rpc.response.status_code": code,
        "server.address": host,
        "server.port": port,
        "infaas.target": target,
        ...(error === undefined ? {} : { "error.type": code }),
      },
      ...(error === undefined ? {} : { error }),
    });
  };
  try {
    const answer = await call(context === null ? null : formatTraceparent(context));
    ended("OK");
    return answer;
  } catch (fault) {
    const { code, message } = ServiceError.from(fault);
    ended(codeName(code), message);
    throw fault;
  } finally {
    await telemetry.shutdown();
  }
}
