import { type QueryRequest, sloFromWire } from "@infaas/api";
import type { Slo } from "@infaas/policy";
import { Code, ServiceError } from "@infaas/runtime";
import { shorter, sloFault } from "./requirements";

/** The requirements of infaas.v1's own messages, checked; a deadline shortens the latency objective. INVALID_ARGUMENT otherwise. */
export function readSlo(wire: QueryRequest["slo"], deadlineMs: number | null): Slo | ServiceError {
  const converted = sloFromWire(wire);
  if (!converted.ok) return new ServiceError(Code.INVALID_ARGUMENT, converted.fault);
  const slo = converted.value;
  const fault = sloFault(slo);
  if (fault !== null) return new ServiceError(Code.INVALID_ARGUMENT, fault);
  return { ...slo, latencyMs: shorter(slo.latencyMs, deadlineMs) };
}
