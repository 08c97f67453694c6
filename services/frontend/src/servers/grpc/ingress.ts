import { type Caller, Code, type Logger, SERVER_LIMITS, type Security, ServiceError } from "@infaas/runtime";
import { probeWire, Wire } from "@infaas/wire";
import type { FrontendConfig } from "../../config";

/**
 * The native server, or null when grpc-js shall serve: because the operator wants it so, or with a warning because the
 * native one cannot run here. FAILED_PRECONDITION when it was asked for by name and cannot.
 */
export function openIngress(
  wanted: FrontendConfig["ingress"],
  security: Security,
  logger: Logger,
): Wire<Caller> | null {
  if (wanted === "grpc") return null;
  const { ok, detail } = probeWire({ tls: security.tls !== null });
  if (ok) return new Wire<Caller>(SERVER_LIMITS);
  if (wanted === "native") {
    throw new ServiceError(Code.FAILED_PRECONDITION, `the native ingress cannot be used: ${detail}`);
  }
  logger.warn("the native ingress cannot run here, requests cost more CPU", { reason: detail });
  return null;
}
