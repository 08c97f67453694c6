import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer, get } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { connect } from "node:tls";
import { systemClock } from "../clock";
import { Code, ServiceError } from "../errors";
import { createLogger } from "../logger";
import { createRpcClient } from "../rpc/client";
import { EchoService } from "../rpc/echo-service.testing";
import { createRpcServer } from "../rpc/server";
import { implementService } from "../rpc/service";
import { TestAuthority } from "./certificates.testing";
import { type DialSecurity, dialPlain, dialWith } from "./dial-security";
import { loadSecurity, openSecurity, type Security } from "./security";
import type { SecurityConfig } from "./security-options";
import { tokenDigest } from "./tokens";

const logger = createLogger({ service: "test", level: "error" });
const nothing: SecurityConfig = {
  tlsCert: null,
  tlsKey: null,
  tlsClientCa: null,
  tlsCa: null,
  tlsServerName: null,
  clusterTokenFile: null,
  insecure: false,
};
/** Of the echo service, `say` is for users who query and everything else for members. */
const requirementOf = (path: string) => {
  if (path.startsWith("/grpc.health.v1.Health/")) return "anyone";
  return path.endsWith("/Say") ? "query" : "member";
};
const load = (config: Partial<SecurityConfig>) =>
  loadSecurity({ ...nothing, ...config }, { clock: systemClock, logger, requirementOf });

async function serving(security: Security, use: (port: number) => Promise<void>): Promise<void> {
  const server = createRpcServer({ logger, security });
  server.add(
    implementService(EchoService, {
      say: async (_request, { caller, metadata }) => ({
        value: `${caller.tenant} ${metadata.get("authorization").length}`,
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
}

/** One call on a connection of its own; `host` is what the certificate has to name. */
async function say(port: number, dial: DialSecurity = dialPlain, host = "127.0.0.1"): Promise<string> {
  const client = createRpcClient(EchoService, `${host}:${port}`, { dial, defaultTimeoutMs: 5_000 });
  try {
    return (await client.say({ value: "" })).value;
  } finally {
    client.close();
  }
}

async function refusalOf(call: Promise<unknown>): Promise<ServiceError> {
  const error = await call.then(
    () => null,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(ServiceError);
  return error as ServiceError;
}

/** Common name in the certificate that a new connection is shown. */
function shownName(port: number, protocol = "h2"): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { port, host: "127.0.0.1", rejectUnauthorized: false, ALPNProtocols: [protocol] };
    const socket = connect(options, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.once("error", reject);
  });
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((next) => setTimeout(next, 50));
}

async function issued(name = "first") {
  const authority = await TestAuthority.create();
  const { certificate, key } = await authority.issue(name, "own");
  const own = { tlsCert: certificate, tlsKey: key, tlsCa: authority.path };
  return { authority, own, trusting: { ca: readFileSync(authority.path) } };
}

describe("loadSecurity with certificates", () => {
  it("lets those in who trust the authority, and nobody in the clear", async () => {
    const { own, trusting } = await issued();
    const security = await load(own);
    await serving(security, async (port) => {
      await expect(say(port, security.dial)).resolves.toBe("127.0.0.1 0");
      await expect(say(port, dialWith(trusting))).resolves.toBe("127.0.0.1 0");
      const stranger = (await issued()).trusting;
      expect((await refusalOf(say(port, dialWith(stranger)))).code).toBe(Code.UNAVAILABLE);
      expect((await refusalOf(say(port))).code).toBe(Code.UNAVAILABLE);
    });
  });

  it("cuts off a caller without a certificate where an authority for callers is given", async () => {
    const { authority, own, trusting } = await issued();
    const security = await load({ ...own, tlsClientCa: authority.path });
    await serving(security, async (port) => {
      await expect(say(port, security.dial)).resolves.toBe("127.0.0.1 0");
      expect((await refusalOf(say(port, dialWith(trusting)))).code).toBe(Code.UNAVAILABLE);
      const other = await (await TestAuthority.create()).issue("forged");
      const forged = { certificate: readFileSync(other.certificate), key: readFileSync(other.key) };
      expect((await refusalOf(say(port, dialWith({ ...trusting, ...forged })))).code).toBe(Code.UNAVAILABLE);
    });
  });

  it("expects the name it is told instead of the host", async () => {
    const { own, trusting } = await issued();
    await serving(await load(own), async (port) => {
      const wrong = dialWith({ ...trusting, serverName: "elsewhere.test" });
      expect((await refusalOf(say(port, wrong))).code).toBe(Code.UNAVAILABLE);
      await expect(say(port, dialWith({ ...trusting, serverName: "localhost" }))).resolves.toBe(
        "127.0.0.1 0",
      );
    });
  });

  it("shows new connections the certificate that has come since, while those that stand live on", async () => {
    const { authority, own, trusting } = await issued("first");
    await serving(await load(own), async (port) => {
      const standing = createRpcClient(EchoService, `127.0.0.1:${port}`, { dial: dialWith(trusting) });
      await standing.say({ value: "" });
      expect(await shownName(port)).toBe("first");
      await authority.issue("second", "own");
      await until(async () => (await shownName(port)) === "second");
      await expect(standing.say({ value: "" })).resolves.toMatchObject({ value: "127.0.0.1 0" });
      standing.close();
      await expect(say(port, dialWith(trusting))).resolves.toBe("127.0.0.1 0");
    });
  });

  it("keeps what it has while files do not fit together, and takes them once they do", async () => {
    const { authority, own } = await issued("first");
    const next = await authority.issue("second", "next");
    const said: string[] = [];
    const listening = createLogger({ service: "test", write: (line) => void said.push(line) });
    const world = { clock: systemClock, logger: listening, requirementOf };
    await serving(await loadSecurity({ ...nothing, ...own }, world), async (port) => {
      renameSync(next.certificate, own.tlsCert);
      await until(async () => said.some((line) => line.includes("the key does not belong")));
      expect(await shownName(port)).toBe("first");
      renameSync(next.key, own.tlsKey);
      await until(async () => (await shownName(port)) === "second");
    });
  });

  it("keeps any other server of Node current as well", async () => {
    const { authority, own } = await issued("first");
    const { tls, close } = await load(own);
    if (tls === null) throw new Error("no identity");
    const server = createServer(tls.serverOptions(), (_request, response) => response.end("yes"));
    tls.follow(server);
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const { port } = server.address() as AddressInfo;
    try {
      const body = new Promise<string>((resolve, reject) => {
        const options = { port, host: "127.0.0.1", ca: readFileSync(authority.path), agent: false as const };
        get(options, (response) => response.once("data", (bytes) => resolve(String(bytes)))).once(
          "error",
          reject,
        );
      });
      await expect(body).resolves.toBe("yes");
      await authority.issue("second", "own");
      await until(async () => (await shownName(port, "http/1.1")) === "second");
    } finally {
      await new Promise((done) => server.close(done));
      close();
    }
  });

  it("does not start with a key of another certificate, or without the file", async () => {
    const { authority, own } = await issued();
    const { key } = await authority.issue("other");
    expect(await refusalOf(load({ ...own, tlsKey: key }))).toMatchObject({
      code: Code.FAILED_PRECONDITION,
      message: expect.stringContaining("the key does not belong to the certificate"),
    });
    const missing = join(authority.folder, "missing.pem");
    expect((await refusalOf(load({ ...own, tlsCert: missing }))).message).toContain(missing);
  });
});

describe("loadSecurity with tokens", () => {
  const clusterToken = "c".repeat(32);
  const entry = (token: string, tenant: string, roles: string[]) => ({
    sha256: tokenDigest(token),
    tenant,
    roles,
  });

  async function files(tokens: object[]) {
    const { folder } = await TestAuthority.create();
    const [tokensFile, clusterFile] = [join(folder, "tokens.json"), join(folder, "cluster")];
    writeFileSync(tokensFile, JSON.stringify({ tokens }));
    writeFileSync(clusterFile, `${clusterToken}\n`);
    return { tokens: tokensFile, clusterTokenFile: clusterFile };
  }
  const bearing = (token: string) => dialWith({ token });

  it("tells callers apart, and keeps their tokens from the handler", async () => {
    const config = await files([
      entry("alice's", "vision", ["query"]),
      entry("bob's", "speech", ["query", "operate"]),
    ]);
    await serving(await load(config), async (port) => {
      await expect(say(port, bearing("alice's"))).resolves.toBe("vision 0");
      await expect(say(port, bearing("bob's"))).resolves.toBe("speech 0");
      await expect(say(port, bearing(clusterToken))).resolves.toBe("members 0");
    });
  });

  it("refuses who brings no token, an unknown one, or one without the role, and says what is missing", async () => {
    const config = await files([entry("carol's", "ops", ["operate"])]);
    await serving(await load(config), async (port) => {
      const none = await refusalOf(say(port));
      expect([none.code, none.message]).toEqual([
        Code.UNAUTHENTICATED,
        expect.stringContaining("needs a token with the role query"),
      ]);
      const unknown = await refusalOf(say(port, bearing("mallory's")));
      expect([unknown.code, unknown.message]).toEqual([
        Code.UNAUTHENTICATED,
        expect.stringContaining("the one that came is not known"),
      ]);
      const other = await refusalOf(say(port, bearing("carol's")));
      expect([other.code, other.message]).toEqual([
        Code.PERMISSION_DENIED,
        expect.stringMatching(/Say needs the role query; the token of 'ops' has: operate$/),
      ]);
    });
  });

  it("asks members for the token that they share, and lets a second one in while they change it", async () => {
    const config = await files([entry("alice's", "vision", ["query", "register", "operate"])]);
    const security = await load(config);
    await serving(security, async (port) => {
      const joinWith = async (dial: DialSecurity) => {
        const client = createRpcClient(EchoService, `127.0.0.1:${port}`, { dial });
        try {
          return await client.join(
            (async function* () {
              yield { value: "a" };
            })(),
          );
        } finally {
          client.close();
        }
      };
      await expect(joinWith(security.dial)).resolves.toMatchObject({ value: "a" });
      expect((await refusalOf(joinWith(bearing("alice's")))).code).toBe(Code.PERMISSION_DENIED);
      expect((await refusalOf(joinWith(dialPlain))).code).toBe(Code.UNAUTHENTICATED);
      const next = "n".repeat(32);
      writeFileSync(config.clusterTokenFile, `${next}\n${clusterToken}\n`);
      await until(async () => security.dial.authorization() === `Bearer ${next}`);
      for (const token of [next, clusterToken])
        await expect(joinWith(bearing(token))).resolves.toMatchObject({ value: "a" });
    });
  });

  it("follows its file", async () => {
    const config = await files([entry("old", "vision", ["query"])]);
    await serving(await load(config), async (port) => {
      writeFileSync(
        config.tokens,
        JSON.stringify({ tokens: [{ ...entry("new", "vision", ["query"]), inFlightMax: 3 }] }),
      );
      await until(() =>
        say(port, bearing("new")).then(
          () => true,
          () => false,
        ),
      );
      expect((await refusalOf(say(port, bearing("old")))).code).toBe(Code.UNAUTHENTICATED);
    });
  });

  it("does not serve a method that nobody has stated a role for", async () => {
    const config = await files([]);
    const security = await loadSecurity(
      { ...nothing, ...config },
      { clock: systemClock, logger, requirementOf: () => undefined },
    );
    expect(() => createRpcServer({ logger, security })).toThrow(/no role is stated for/);
    security.close();
  });
});

describe("openSecurity", () => {
  it("knows callers by their address", async () => {
    await serving(openSecurity, async (port) => {
      await expect(say(port)).resolves.toBe("127.0.0.1 0");
    });
  });
});
