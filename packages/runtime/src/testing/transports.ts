import { Wire } from "@infaas/wire";
import { createLogger } from "../process/logger";
import { GrpcJsTransport } from "../rpc/grpc-js/grpc-js-transport";
import { createRpcServer, type RpcServer, type RpcServerOptions } from "../rpc/server/server";
import { SERVER_LIMITS, type ServerLimits } from "../rpc/server-limits";
import type { Transport } from "../rpc/transport";
import type { Caller } from "../security/caller";
import { type DialSecurity, dialPlain } from "../security/dial-security";
import { loadSecurity, type Security } from "../security/security";
import { systemClock } from "../time/clock";
import { TestAuthority } from "./certificates";

/** One implementation of the port. */
export interface TestedTransport {
  readonly name: "grpc-js" | "native";
  open(limits?: Partial<ServerLimits>): Transport;
}

/** Every implementation of the port: the contract suites run on each. */
export const transports: readonly TestedTransport[] = [
  { name: "grpc-js", open: (limits) => new GrpcJsTransport(limits) },
  { name: "native", open: (limits) => new Wire<Caller>({ ...SERVER_LIMITS, ...limits }) },
];

/** The server that a contract suite tests, and how it is called. */
export interface TestedServer {
  create(o: Omit<RpcServerOptions, "transport" | "security">): RpcServer;
  readonly dial: DialSecurity;
}

/** Runs a contract suite on every transport, in the clear and with TLS that asks callers for certificates. */
export function onEveryTransport(suite: (tested: TestedServer) => void): void {
  describe.each(transports)("on the transport $name", ({ open }) => {
    describe("in the clear", () =>
      suite({ create: (o) => createRpcServer({ ...o, transport: open() }), dial: dialPlain }));

    describe("with TLS and certificates of callers", () => {
      let security: Security;
      beforeAll(async () => {
        security = await mutualTls();
      });
      afterAll(() => security.close());
      suite({
        create: (o) => createRpcServer({ ...o, transport: open(), security }),
        get dial() {
          return security.dial;
        },
      });
    });
  });
}

async function mutualTls(): Promise<Security> {
  const authority = await TestAuthority.create();
  const { certificate, key } = await authority.issue("tested");
  const files = { tlsCert: certificate, tlsKey: key, tlsClientCa: authority.path, tlsCa: authority.path };
  return loadSecurity(
    { ...files, tlsServerName: null, clusterTokenFile: null, insecure: false },
    { clock: systemClock, logger: createLogger({ service: "test" }), requirementOf: () => "anyone" },
  );
}
