import { connect as connectHttp2 } from "node:http2";
import { createConnection, type Socket } from "node:net";
import { status } from "@grpc/grpc-js";
import type { WireLimits } from "../lib";
import { type Served, serve, settled, until } from "./served";

const identity = (bytes: Buffer): Buffer => bytes;
const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const EMPTY_SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
/** Longest that any connection below may live: its bounds, and how often connections are looked after. */
const LIVED_MAX_MS = 6_000;

/**
 * Opens a socket that sends these bytes and then one more of the others every 50 ms; resolves with how long
 * it lived.
 */
function drip(port: number, atOnce: Buffer, slowly: Buffer): Promise<number> {
  const startMs = performance.now();
  let at = 0;
  const socket: Socket = createConnection(port, "127.0.0.1", () => socket.write(atOnce));
  const timer = setInterval(() => socket.write(slowly.subarray(at, ++at)), 50);
  const { promise, resolve } = settled<number>();
  socket.on("data", () => {});
  socket.on("error", () => {});
  socket.on("close", () => {
    clearInterval(timer);
    resolve(performance.now() - startMs);
  });
  return promise;
}

async function withServed(use: (served: Served) => Promise<void>, limits: Partial<WireLimits>) {
  const served = serve({ limits });
  try {
    await use(served);
  } finally {
    served.close();
  }
}

describe("Wire whose clients are slow", () => {
  it.each([
    ["says nothing", "", ""],
    ["lets the preface of HTTP/2 drip", "PRI", PREFACE.slice(3)],
  ])("cuts off whoever connects and %s", async (_, atOnce, slowly) => {
    await withServed(
      async ({ port, wire }) => {
        const livedMs = await drip(port, Buffer.from(atOnce), Buffer.from(slowly));
        expect(livedMs).toBeGreaterThan(250);
        expect(livedMs).toBeLessThan(LIVED_MAX_MS);
        expect(wire.connections).toBe(0);
      },
      { handshakeMaxMs: 300 },
    );
  });

  it("cuts off whoever lets the headers of a call drip", async () => {
    await withServed(
      async ({ port, wire }) => {
        const opening = Buffer.concat([Buffer.from(PREFACE), EMPTY_SETTINGS]);
        const headers = Buffer.from([0, 0x40, 0, 1, 0, 0, 0, 0, 1, ...new Array<number>(200).fill(0x40)]);
        expect(await drip(port, opening, headers)).toBeLessThan(LIVED_MAX_MS);
        await until(() => wire.connections === 0);
      },
      { requestMaxMs: 500, idleMaxMs: 1_000, keepaliveTimeoutMs: 300 },
    );
  });

  it("ends a call whose request drips, and serves the next on the same connection", async () => {
    await withServed(
      async ({ port, wire }) => {
        const session = connectHttp2(`http://127.0.0.1:${port}`);
        const stream = session.request({
          ":method": "POST",
          ":path": "/t.T/Say",
          "content-type": "application/grpc",
        });
        const { promise, resolve } = settled<Record<string, unknown>>();
        stream.on("response", resolve);
        stream.on("error", () => {});
        stream.write(Buffer.from([0, 0, 0, 4, 0]));
        const dripping = setInterval(() => stream.write("x"), 50);
        expect(await promise).toMatchObject({
          "grpc-status": String(status.DEADLINE_EXCEEDED),
          "grpc-message": "the request did not come whole within 500 ms",
        });
        clearInterval(dripping);
        stream.close();
        await until(() => wire.heldBytes === 0);
        const next = session.request({
          ":method": "POST",
          ":path": "/t.T/Say",
          "content-type": "application/grpc",
        });
        const { promise: told, resolve: tell } = settled<Record<string, unknown>>();
        next.on("trailers", tell);
        next.resume();
        next.end(Buffer.from([0, 0, 0, 0, 1, 7]));
        expect(await told).toMatchObject({ "grpc-status": String(status.OK) });
        expect(wire.connections).toBe(1);
        session.destroy();
      },
      { requestMaxMs: 500 },
    );
  });

  it("lets a stream go on for longer than one request may take", async () => {
    await withServed(
      async ({ client, port }) => {
        const chat = client.makeBidiStreamRequest("/t.T/Chat", identity, identity);
        const { promise, resolve } = settled<number>();
        chat.on("data", () => {});
        chat.on("status", ({ code }) => resolve(code));
        chat.on("error", () => {});
        // One after the other, two connections without calls reach their bound meanwhile.
        for (let i = 0; i < 2; i++)
          await drip(port, Buffer.concat([Buffer.from(PREFACE), EMPTY_SETTINGS]), Buffer.alloc(0));
        chat.end();
        expect(await promise).toBe(status.OK);
      },
      { requestMaxMs: 200, idleMaxMs: 300 },
    );
  });

  it("cuts off whoever takes nothing of an answer, and lets go of it", async () => {
    await withServed(
      async ({ port, wire, say }) => {
        const session = connectHttp2(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 0 } });
        session.on("error", () => {});
        const call = session.request({
          ":method": "POST",
          ":path": "/t.T/Say",
          "content-type": "application/grpc",
        });
        call.on("error", () => {});
        call.end(Buffer.concat([Buffer.from([0, 0, 0, 0x40, 0]), Buffer.alloc(0x4000)]));
        await until(() => wire.heldBytes > 0x4000);
        const { promise, resolve } = settled<void>();
        session.on("close", () => resolve());
        await promise;
        await until(() => wire.heldBytes === 0);
        expect((await say(Buffer.alloc(3))).code).toBe(status.OK);
      },
      { unreadMaxMs: 300 },
    );
  });

  it("asks a connection without calls to leave, and cuts it off when it does not", async () => {
    await withServed(
      async ({ say, port, wire }) => {
        expect((await say(Buffer.alloc(3))).code).toBe(status.OK);
        await until(() => wire.connections === 0);
        // A client of gRPC connects again by itself; one that only says what it is is cut off.
        expect((await say(Buffer.alloc(3))).code).toBe(status.OK);
        const deaf = drip(port, Buffer.concat([Buffer.from(PREFACE), EMPTY_SETTINGS]), Buffer.alloc(0));
        expect(await deaf).toBeLessThan(LIVED_MAX_MS);
      },
      { idleMaxMs: 300, keepaliveTimeoutMs: 500 },
    );
  });
});
