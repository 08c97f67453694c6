import { SERVER_LIMITS, type ServerLimits } from "@infaas/runtime";

/** Limits of the HTTP server on connections, requests and bytes: those of gRPC, and HTTP/1.1's own. */
export interface HttpLimits
  extends Pick<
    ServerLimits,
    "headerMaxBytes" | "connectionsMax" | "heldMaxBytes" | "handshakeMaxMs" | "requestMaxMs"
  > {
  /** A connection whose request line and headers do not come within this is closed with 408. */
  readonly headersMaxMs: number;
  /** How long an idle connection is kept for the next request. */
  readonly keepAliveMs: number;
}

export const httpLimitsDefault: HttpLimits = {
  ...SERVER_LIMITS,
  headersMaxMs: 10_000,
  keepAliveMs: 65_000,
};

/** How often slow connections are looked for. */
const CHECK_PERIOD_MS = 1_000;

/** Returns them as Node's HTTP server takes them. */
export function nodeLimits(limits: HttpLimits) {
  return {
    maxHeaderSize: limits.headerMaxBytes,
    headersTimeout: limits.headersMaxMs,
    requestTimeout: limits.requestMaxMs,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: CHECK_PERIOD_MS,
    noDelay: true,
  } as const;
}
