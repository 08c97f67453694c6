import { createLogger } from "../process/logger";
import { createRpcClient } from "../rpc/client/client";
import { createRpcServer } from "../rpc/server/server";
import { implementService } from "../rpc/service";
import { type DialSecurity, dialPlain } from "../security/dial-security";
import { loadSecurity, type Security } from "../security/security";
import type { SecurityConfig } from "../security/security-options";
import { systemClock } from "../time/clock";
import { EchoService } from "./echo-service";
import type { TestedTransport } from "./transports";

export const logger = createLogger({ service: "test", level: "error" });
export const nothing: SecurityConfig = {
  tlsCert: null,
  tlsKey: null,
  tlsClientCa: null,
  tlsCa: null,
  tlsServerName: null,
  clusterTokenFile: null,
  insecure: false,
};
/** Of the echo service, `say` is for users who query and everything else for members. */
export const requirementOf = (path: string) => {
  if (path.startsWith("/grpc.health.v1.Health/")) return "anyone";
  return path.endsWith("/Say") ? "query" : "member";
};
/** Follows the files that are named. */
export const load = (config: Partial<SecurityConfig>) =>
  loadSecurity({ ...nothing, ...config }, { clock: systemClock, logger, requirementOf });

/**
 * Returns what runs a protected server while it is used: `say` answers the tenant and how many tokens it was
 * shown.
 */
export const servingOn =
  (open: TestedTransport["open"]) =>
  async (security: Security, use: (port: number) => Promise<void>): Promise<void> => {
    const server = createRpcServer({ logger, security, transport: open() });
    server.add(
      implementService(EchoService, {
        say: async (_request, context) => ({
          value: `${context.caller.tenant} ${context.metadata("authorization") === undefined ? 0 : 1}`,
        }),
        join: async (requests) => {
          let value = "";
          for await (const request of requests) value += request.value;
          return { value };
        },
      }),
    );
    const port = await server.listen("127.0.0.1:0");
    try {
      await use(port);
    } finally {
      await server.stop(100);
      security.close();
    }
  };

/** One call on a connection of its own; `host` is what the certificate has to name. */
export async function say(port: number, dial: DialSecurity = dialPlain, host = "127.0.0.1"): Promise<string> {
  const client = createRpcClient(EchoService, `${host}:${port}`, { dial, defaultTimeoutMs: 5_000 });
  try {
    return (await client.say({ value: "" })).value;
  } finally {
    client.close();
  }
}
