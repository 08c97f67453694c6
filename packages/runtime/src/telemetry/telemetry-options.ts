import type { OptionTable } from "../process/config";
import { otlpProtocols } from "./otel-variables";

/** Options of every service about its collector. */
export const telemetryOptions = {
  otlpProtocol: {
    type: "string",
    default: "grpc",
    choices: otlpProtocols,
    doc: "How the collector is spoken to: OTLP over gRPC (port 4317 by custom), or over HTTP in protobuf (4318; --otlp-endpoint without /v1/traces).",
  },
} as const satisfies OptionTable;
