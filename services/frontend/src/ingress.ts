import { type Caller, Code, type Logger, type Security, ServiceError } from "@infaas/runtime";
import { probeWire, Wire } from "@infaas/wire";
import type { FrontendConfig } from "./config";

/**
 * The native server, or null when grpc-js shall serve: because the operator wants it so, because TLS is set, or with
 * a warning because the native one cannot run here. FAILED_PRECONDITION when it was asked for by name and cannot.
 */
export function openIngress(
  wanted: FrontendConfig["ingress"],
  security: Security,
  logger: Logger,
): Wire<Caller> | null {
  if (wanted === "grpc") return null;
  const secured = security.tls !== null;
  if (secured && wanted === "auto") return null;
  const { ok, detail } = secured ? { ok: false, detail: "it has no TLS" } : probeWire();
  if (ok) return new Wire<Caller>();
  if (wanted === "native") {
    throw new ServiceError(Code.FAILED_PRECONDITION, `the native ingress cannot be used: ${detail}`);
  }
  logger.warn("the native ingress cannot run here, requests cost more CPU", { reason: detail });
  return null;
}
