import { readFileSync, renameSync } from "node:fs";
import { createServer, get } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { connect } from "node:tls";
import { Code } from "../errors";
import { createLogger } from "../process/logger";
import { createRpcClient } from "../rpc/client/client";
import { TestAuthority } from "../testing/certificates";
import { failureOf } from "../testing/echo-calls";
import { EchoService } from "../testing/echo-service";
import { load, nothing, requirementOf, say, servingOn } from "../testing/served-security";
import { transports } from "../testing/transports";
import { until } from "../testing/until";
import { systemClock } from "../time/clock";
import { dialWith } from "./dial-security";
import { loadSecurity } from "./security";

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

async function issued(name = "first") {
  const authority = await TestAuthority.create();
  const { certificate, key } = await authority.issue(name, "own");
  const own = { tlsCert: certificate, tlsKey: key, tlsCa: authority.path };
  return { authority, own, trusting: { ca: readFileSync(authority.path) } };
}

describe.each(transports)("on the transport $name", ({ open }) => {
  const serving = servingOn(open);

  describe("loadSecurity with certificates", () => {
    it("lets those in who trust the authority, and nobody in the clear", async () => {
      const { own, trusting } = await issued();
      const security = await load(own);
      await serving(security, async (port) => {
        await expect(say(port, security.dial)).resolves.toBe("127.0.0.1 0");
        await expect(say(port, dialWith(trusting))).resolves.toBe("127.0.0.1 0");
        const stranger = (await issued()).trusting;
        expect((await failureOf(say(port, dialWith(stranger)))).code).toBe(Code.UNAVAILABLE);
        expect((await failureOf(say(port))).code).toBe(Code.UNAVAILABLE);
      });
    });

    it("cuts off a caller without a certificate where an authority for callers is given", async () => {
      const { authority, own, trusting } = await issued();
      const security = await load({ ...own, tlsClientCa: authority.path });
      await serving(security, async (port) => {
        await expect(say(port, security.dial)).resolves.toBe("127.0.0.1 0");
        expect((await failureOf(say(port, dialWith(trusting)))).code).toBe(Code.UNAVAILABLE);
        const other = await (await TestAuthority.create()).issue("forged");
        const forged = { certificate: readFileSync(other.certificate), key: readFileSync(other.key) };
        expect((await failureOf(say(port, dialWith({ ...trusting, ...forged })))).code).toBe(
          Code.UNAVAILABLE,
        );
      });
    });

    it("expects the name it is told instead of the host", async () => {
      const { own, trusting } = await issued();
      await serving(await load(own), async (port) => {
        const wrong = dialWith({ ...trusting, serverName: "elsewhere.test" });
        expect((await failureOf(say(port, wrong))).code).toBe(Code.UNAVAILABLE);
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
        await until(() => said.some((line) => line.includes("the key does not belong")));
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
          const options = {
            port,
            host: "127.0.0.1",
            ca: readFileSync(authority.path),
            agent: false as const,
          };
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
      expect(await failureOf(load({ ...own, tlsKey: key }))).toMatchObject({
        code: Code.FAILED_PRECONDITION,
        message: expect.stringContaining("the key does not belong to the certificate"),
      });
      const missing = join(authority.folder, "missing.pem");
      expect((await failureOf(load({ ...own, tlsCert: missing }))).message).toContain(missing);
    });
  });
});
