import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GRPCInferenceService } from "@infaas/api";
import {
  type Caller,
  createLogger,
  createRpcServer,
  loadSecurity,
  methodPath,
  openSecurity,
  type RpcServer,
  SERVER_LIMITS,
  type Security,
  systemClock,
  tokenDigest,
} from "@infaas/runtime";
import { TestAuthority } from "@infaas/runtime/testing/certificates";
import { Wire, WireInferCall } from "@infaas/wire";

const logger = createLogger({ service: "echo" });
const answerBytes = 40;
const answer = Buffer.alloc(answerBytes);
const modelInfer = methodPath(GRPCInferenceService.method.modelInfer);
/** Bytes of a token: 16 random ones, written in hexadecimal. */
const token = "0123456789abcdef0123456789abcdef";

/** Transports of ModelInfer: grpc-js, the native server, and the latter with messages outside JavaScript. */
export const carriers = {
  "grpc-js": (security: Security) => answering(createRpcServer({ logger, security })),
  wire: (security: Security) =>
    answering(createRpcServer({ logger, security, transport: new Wire<Caller>(SERVER_LIMITS) })),
  "wire infer": (security: Security) => {
    const wire = new Wire<Caller>(SERVER_LIMITS);
    const server = answering(createRpcServer({ logger, security, transport: wire }));
    wire.infer(modelInfer, {
      readHead: () => null,
      start: (id, _head, { byteLength }) => {
        const call = new EchoCall(wire, id, byteLength);
        call.echo();
        return call;
      },
    });
    return server;
  },
};

class EchoCall extends WireInferCall {
  echo(): void {
    this.send(answer, nothing, []);
  }
  override onCancelled(): void {}
}

const nothing = Buffer.alloc(0);

function answering(server: RpcServer): RpcServer {
  server.addRawUnary(GRPCInferenceService, "ModelInfer", (_, call) => call.answer(answer));
  return server;
}

/** How a server is protected, and the load generator's options for it. */
export interface Protection {
  readonly security: Security;
  readonly words: readonly string[];
}

/** Returns every protection by name; `close` removes their files. */
export async function protections(): Promise<{
  byName: Readonly<Record<string, Protection>>;
  close(): void;
}> {
  const folder = mkdtempSync(join(tmpdir(), "infaas-echo-"));
  const [tokens, clusterTokenFile] = [join(folder, "tokens.json"), join(folder, "cluster")];
  const tenant = { sha256: tokenDigest(token), tenant: "echo", roles: ["query"] };
  writeFileSync(tokens, JSON.stringify({ tokens: [tenant] }));
  writeFileSync(clusterTokenFile, "c".repeat(32));
  const none = { tlsCert: null, tlsKey: null, tlsClientCa: null, tlsCa: null, tlsServerName: null };
  const world = {
    clock: systemClock,
    logger,
    requirementOf: (path: string) => (path === modelInfer ? "query" : "anyone"),
  } as const;
  const guarded = await loadSecurity({ ...none, insecure: false, tokens, clusterTokenFile }, world);
  const authority = await TestAuthority.create();
  const { certificate, key } = await authority.issue("echo");
  const own = { ...none, tlsCert: certificate, tlsKey: key, clusterTokenFile: null, insecure: false };
  const encrypted = await loadSecurity(own, world);
  return {
    byName: {
      open: { security: openSecurity, words: [] },
      token: { security: guarded, words: ["-token", token] },
      TLS: { security: encrypted, words: ["-ca", authority.path] },
    },
    close: () => {
      for (const security of [guarded, encrypted]) security.close();
      for (const made of [folder, authority.folder]) rmSync(made, { recursive: true });
    },
  };
}
