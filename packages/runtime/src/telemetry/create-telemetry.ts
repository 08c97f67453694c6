import type { Telemetry, TelemetryOptions } from "./telemetry";

/**
 * Returns this process's telemetry. Without an endpoint no span is ever sampled, and metrics go to added
 * targets only. OpenTelemetry's half a thousand modules are loaded here, not with this one: a command line needs none of them.
 */
export function createTelemetry(options: TelemetryOptions): Telemetry {
  const { openTelemetry } = require("./opentelemetry") as typeof import("./opentelemetry");
  return openTelemetry(options);
}
