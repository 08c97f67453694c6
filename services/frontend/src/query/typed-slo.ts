import { Objective, type QueryRequest, sloFromWire } from "@infaas/api";
import type { Slo } from "@infaas/policy";
import { Code, ServiceError } from "@infaas/runtime";
import type { NamedModel } from "./named-model";
import { readRequirements, shorter, sloFault } from "./requirements";

/** What infaas.v1's own messages require. */
export interface TypedSlo {
  readonly slo: Slo;
  /** As `Requirements` has it. */
  readonly deadlineBinds: boolean;
}

/**
 * The requirements of infaas.v1's own messages, checked, over those that the name said (`stated`, see `lookUpNamed`); a
 * deadline shortens the latency objective. INVALID_ARGUMENT otherwise.
 */
export function readSlo(
  wire: QueryRequest["slo"],
  stated: NamedModel["stated"],
  deadlineMs: number | null,
): TypedSlo | ServiceError {
  const converted = sloFromWire(wire);
  if (!converted.ok) return new ServiceError(Code.INVALID_ARGUMENT, converted.fault);
  const typed = converted.value;
  const fault = sloFault(typed);
  if (fault !== null) return new ServiceError(Code.INVALID_ARGUMENT, fault);
  const named = readRequirements({ ...NO_OTHER_SOURCE, named: stated });
  if (!named.ok) return new ServiceError(Code.INVALID_ARGUMENT, named.fault);
  const { slo: said } = named.requirements;
  const isUnspecified = wire === undefined || wire.objective === Objective.UNSPECIFIED;
  const statedMs = typed.latencyMs ?? said.latencyMs;
  const latencyMs = shorter(statedMs, deadlineMs);
  const slo = {
    latencyMs,
    minAccuracy: typed.minAccuracy ?? said.minAccuracy,
    maxCostUsd: typed.maxCostUsd ?? said.maxCostUsd,
    objective: isUnspecified ? said.objective : typed.objective,
    noDowngrade: typed.noDowngrade,
    deterministic: typed.deterministic || said.deterministic,
  };
  return { slo, deadlineBinds: latencyMs !== statedMs };
}

const NO_OTHER_SOURCE = {
  parameters: new Map<string, never>(),
  metadata: () => undefined,
  metadataNames: () => [],
  deadlineMs: null,
};
