import { type ClientHttp2Session, connect as connectHttp2, constants } from "node:http2";
import { createConnection, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { Code } from "../../errors";
import { createLogger } from "../../process/logger";
import { loadSecurity } from "../../security/security";
import { TestAuthority } from "../../testing/certificates";
import { EchoService } from "../../testing/echo-service";
import { transports } from "../../testing/transports";
import { until } from "../../testing/until";
import { systemClock } from "../../time/clock";
import { createRpcClient } from "../client/client";
import type { ServerLimits } from "../server-limits";
import { implementService, methodPath } from "../service";
import { createRpcServer, type RpcServer, type RpcServerOptions } from "./server";

const logger = createLogger({ service: "test", level: "error" });
const SAY = methodPath(EchoService.method.say);
const CHAT = methodPath(EchoService.method.chat);
const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);

/**
 * Opens a socket that sends these bytes and then one more of them every 50 ms; resolves with how long it
 * lived.
 */
function drip(port: number, atOnce: string | Buffer, slowly?: Buffer): Promise<number> {
  const startMs = performance.now();
  const socket: Socket = createConnection(port, "127.0.0.1", () => socket.write(atOnce));
  let at = 0;
  const timer = setInterval(() => {
    if (slowly !== undefined) socket.write(slowly.subarray(at, ++at));
  }, 50);
  socket.on("data", () => {});
  socket.on("error", () => {});
  return new Promise((resolve) =>
    socket.on("close", () => {
      clearInterval(timer);
      resolve(performance.now() - startMs);
    }),
  );
}

/** Sends a request that is not ended; resolves with the status that comes back. */
function begin(
  session: ClientHttp2Session,
  path: string,
  bytes: Buffer,
  headers: Record<string, string> = {},
) {
  const stream = session.request({
    ...headers,
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
  });
  const ended = new Promise<{ code: string; message: string }>((resolve) => {
    const tell = (fields: Record<string, unknown>) => {
      if (fields["grpc-status"] !== undefined)
        resolve({ code: String(fields["grpc-status"]), message: decodeURI(String(fields["grpc-message"])) });
    };
    stream.on("response", tell);
    stream.on("trailers", tell);
    stream.on("error", () => {});
    stream.on("close", () => resolve({ code: `reset ${stream.rstCode}`, message: "" }));
  });
  stream.write(bytes);
  stream.resume();
  return { stream, ended };
}

async function withSession(port: number, use: (session: ClientHttp2Session) => Promise<void>): Promise<void> {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  session.on("error", () => {});
  try {
    await use(session);
  } finally {
    session.destroy();
  }
}

/** The beginning of a message of this many bytes. */
function prefix(bytes: number): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes, 1);
  return head;
}

/** Native code counts a message that is coming by pages of its room. */
const PAGE_BYTES = 4_096;

describe.each(transports)("the limits of a server on the transport $name", ({ open, name }) => {
  /**
   * Both count bytes as they come. Node counts no overhead and no whole message of a stream, and resets the
   * call of large headers. Native code counts a message until JavaScript takes it.
   */
  const { held, tooLarge } = {
    "grpc-js": {
      held: { overheadMax: 5, untilTaken: false },
      tooLarge: `reset ${constants.NGHTTP2_ENHANCE_YOUR_CALM}`,
    },
    native: {
      held: { overheadMax: 3_000 + PAGE_BYTES, untilTaken: true },
      tooLarge: String(Code.RESOURCE_EXHAUSTED),
    },
  }[name];

  async function served(
    limits: Partial<ServerLimits>,
    use: (server: RpcServer, port: number) => Promise<void>,
    more: Partial<RpcServerOptions> = {},
  ): Promise<void> {
    const server = createRpcServer({ logger, transport: open(limits), ...more });
    server.add(
      implementService(EchoService, {
        say: async ({ value }) => ({ value }),
        chat: async function* (requests) {
          for await (const { value } of requests) yield { value };
        },
      }),
    );
    const port = await server.listen("127.0.0.1:0");
    try {
      await use(server, port);
    } finally {
      await server.stop(100);
    }
  }

  it("cuts off whoever connects and says nothing", async () => {
    await served({ handshakeMaxMs: 300 }, async (server, port) => {
      const livedMs = await drip(port, "");
      expect(livedMs).toBeGreaterThan(250);
      expect(livedMs).toBeLessThan(5_000);
      await until(() => server.load.connections === 0);
    });
  });

  it("cuts off whoever lets the preface of HTTP/2 drip", async () => {
    await served({ handshakeMaxMs: 300 }, async (_, port) => {
      expect(await drip(port, "PRI", Buffer.from(PREFACE.slice(3)))).toBeLessThan(5_000);
    });
  });

  it("cuts off whoever does not finish a TLS handshake", async () => {
    const authority = await TestAuthority.create();
    const own = await authority.issue("server");
    const files = { tlsCert: own.certificate, tlsKey: own.key, tlsClientCa: null, tlsCa: null };
    const config = { ...files, tlsServerName: null, clusterTokenFile: null, insecure: false };
    const world = { clock: systemClock, logger, requirementOf: () => "anyone" as const };
    const security = await loadSecurity(config, world);
    const use = async (_: RpcServer, port: number) => {
      expect(await drip(port, "")).toBeLessThan(5_000);
      const whole = connectTls({ port, host: "127.0.0.1", ALPNProtocols: ["h2"], rejectUnauthorized: false });
      whole.on("error", () => {});
      whole.resume();
      // The handshake is done, but nothing of HTTP/2 follows.
      await new Promise((resolve) => whole.once("close", resolve));
      expect(whole.authorizationError).toBeTruthy();
    };
    await served({ handshakeMaxMs: 300 }, use, { security });
    security.close();
  });

  it("cuts off whoever lets headers drip and has no call", async () => {
    await served({ idleMaxMs: 400, requestMaxMs: 500, keepaliveTimeoutMs: 300 }, async (_, port) => {
      const headers = Buffer.from([0, 0x40, 0, 1, 0, 0, 0, 0, 1, ...new Array<number>(200).fill(0x40)]);
      expect(await drip(port, Buffer.concat([Buffer.from(PREFACE), SETTINGS]), headers)).toBeLessThan(5_000);
    });
  });

  it("asks a connection without calls to leave, and keeps one with a call", async () => {
    await served({ idleMaxMs: 300 }, async (server, port) => {
      await withSession(port, async (session) => {
        const { stream } = begin(session, CHAT, prefix(0));
        await until(() => server.load.openCalls === 1);
        // One that came later and has none is asked first.
        await withSession(
          port,
          (idle) => new Promise<void>((resolve) => idle.once("close", () => resolve())),
        );
        expect(session.closed).toBe(false);
        stream.end();
        await new Promise((resolve) => session.once("close", resolve));
      });
      const client = createRpcClient(EchoService, `127.0.0.1:${port}`);
      expect(await client.say({ value: "a" })).toMatchObject({ value: "a" });
      await until(() => server.load.connections === 0);
      // A client of gRPC connects again by itself.
      expect(await client.say({ value: "b" })).toMatchObject({ value: "b" });
      client.close();
    });
  });

  it("closes connections beyond its bound as they come, and counts them", async () => {
    await served({ connectionsMax: 2 }, async (server, port) => {
      await withSession(port, async (first) => {
        await withSession(port, async (second) => {
          // Where connections without a call would make way for new ones, those that have one do not.
          for (const session of [first, second]) begin(session, CHAT, prefix(0));
          await until(() => server.load.openCalls === 2);
          expect(await drip(port, PREFACE)).toBeLessThan(1_000);
          expect(server.load).toMatchObject({ connections: 2, refused: { connections: 1 } });
        });
      });
      await until(() => server.load.connections === 0);
      const client = createRpcClient(EchoService, `127.0.0.1:${port}`);
      expect(await client.say({ value: "a" })).toMatchObject({ value: "a" });
      client.close();
    });
  });

  it("ends a call whose request drips, and serves the next on the same connection", async () => {
    await served({ requestMaxMs: 500 }, async (server, port) => {
      await withSession(port, async (session) => {
        const { stream, ended } = begin(session, SAY, prefix(1_000));
        const dripping = setInterval(() => stream.write(Buffer.from([0x0a])), 50);
        stream.once("close", () => clearInterval(dripping));
        expect(await ended).toEqual({
          code: String(Code.DEADLINE_EXCEEDED),
          message: "the request did not come whole within 500 ms",
        });
        expect(server.load.refused.time).toBe(1);
        await until(() => server.load.heldBytes === 0 && server.load.openCalls === 0);
        const next = begin(session, SAY, prefix(0));
        next.stream.end();
        expect((await next.ended).code).toBe(String(Code.OK));
      });
    });
  });

  it("lets a stream go on for longer than one request may take", async () => {
    await served({ requestMaxMs: 200 }, async (server, port) => {
      await withSession(port, async (session) => {
        const { stream, ended } = begin(session, CHAT, prefix(0));
        await until(() => server.load.openCalls === 1);
        // A request that begins after it, and never comes whole, ends for that.
        const later = begin(session, SAY, prefix(1_000));
        expect((await later.ended).code).toBe(String(Code.DEADLINE_EXCEEDED));
        await until(() => server.load.openCalls === 1);
        stream.end();
        expect((await ended).code).toBe(String(Code.OK));
      });
    });
  });

  it("counts what came of requests, and refuses the one that goes beyond its connection's share", async () => {
    const isHeld = ({ load }: RpcServer, bytes: number) =>
      load.heldBytes >= bytes && load.heldBytes <= bytes + held.overheadMax;
    await served({ heldMaxBytes: 300_000 }, async (server, port) => {
      await withSession(port, async (session) => {
        const first = begin(session, SAY, Buffer.concat([prefix(70_000), Buffer.alloc(60_000)]));
        await until(() => isHeld(server, 60_000));
        const second = begin(session, SAY, Buffer.concat([prefix(70_000), Buffer.alloc(60_000)]));
        expect(await second.ended).toEqual({
          code: String(Code.RESOURCE_EXHAUSTED),
          message: expect.stringMatching(
            /^this connection holds \d+ bytes, its caller \d+, all callers \d+ of 300000; no more may be held for it now/,
          ),
        });
        await until(() => isHeld(server, 60_000));
        expect(server.load.refused).toMatchObject({ bytes: 1 });
        await withSession(port, async (other) => {
          const served = begin(other, SAY, Buffer.concat([prefix(30_000), Buffer.alloc(30_000)]));
          served.stream.end();
          expect((await served.ended).code).toBe(String(Code.INVALID_ARGUMENT));
        });
        first.stream.close(constants.NGHTTP2_CANCEL);
        await until(() => server.load.heldBytes === 0);
      });
    });
  });

  it("counts of a stream only the message that is not whole yet", async () => {
    await served({ heldMaxBytes: 100_000 }, async (server, port) => {
      await withSession(port, async (session) => {
        const text = (length: number) => {
          const body = Buffer.concat([
            Buffer.from([0x0a, (length % 128) | 0x80, length >> 7]),
            Buffer.alloc(length),
          ]);
          return Buffer.concat([prefix(body.length), body]);
        };
        const { stream, ended } = begin(session, CHAT, text(10_000));
        let echoed = 0;
        stream.on("data", (chunk: Buffer) => {
          echoed += chunk.length;
        });
        for (let i = 1; i <= 20; i += 1) {
          if (held.untilTaken) await until(() => echoed === i * text(10_000).length);
          stream.write(text(10_000));
        }
        stream.write(text(10_000).subarray(0, 5_005));
        await until(() => server.load.heldBytes >= 5_000 && server.load.heldBytes < 5_500 + held.overheadMax);
        stream.write(text(10_000).subarray(5_005));
        stream.end();
        expect((await ended).code).toBe(String(Code.OK));
        expect(server.load).toMatchObject({ heldBytes: 0, refused: { bytes: 0 } });
      });
    });
  });

  it("takes no more headers than it says", async () => {
    await served({ headerMaxBytes: 2_048 }, async (server, port) => {
      await withSession(port, async (session) => {
        // The bound holds from when the client knows it; before, it is Node's own of 64 KiB.
        await new Promise((resolve) => session.once("remoteSettings", resolve));
        const large = begin(session, SAY, prefix(0), { note: "x".repeat(4_096) });
        expect((await large.ended).code).toBe(tooLarge);
        const next = begin(session, SAY, prefix(0), { note: "x".repeat(1_024) });
        next.stream.end();
        expect((await next.ended).code).toBe(String(Code.OK));
        expect(server.load.connections).toBe(1);
      });
    });
  });

  it("takes no more calls on a connection than it says", async () => {
    await served({ maxConcurrentStreams: 2 }, async (server, port) => {
      await withSession(port, async (session) => {
        await new Promise((resolve) => session.once("remoteSettings", resolve));
        const calls = [1, 2, 3].map(() => begin(session, CHAT, prefix(0)));
        await until(() => server.load.openCalls === 2);
        // What the client sent before its ping has been read when that is answered.
        await new Promise((resolve) => session.ping(resolve));
        expect(server.load.openCalls).toBe(2);
        for (const { stream } of calls) stream.end();
        expect(await Promise.all(calls.map(async ({ ended }) => (await ended).code))).toEqual([
          "0",
          "0",
          "0",
        ]);
      });
    });
  });
});
