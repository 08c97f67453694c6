import { connect, type Socket } from "node:net";
import { GRPCInferenceService } from "@infaas/api";
import { createLogger, implementService, openSecurity } from "@infaas/runtime";
import { until } from "@infaas/runtime/testing/until";
import type { InferOptions } from "../../intake/infer-call";
import type { HttpLimits } from "./http-limits";
import { HttpServer } from "./http-server";

jest.setTimeout(30_000);

const HEAD = "POST /v2/models/mlp/infer HTTP/1.1\r\nHost: localhost\r\n";
const LIVE = "GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
/** Longest that any connection below may live: its bound, and how often connections are looked for. */
const LIVED_MAX_MS = 5_000;

/** Serves whether it lives, and nothing else: no request below gets as far as to a model. */
async function served(
  limits: Partial<HttpLimits>,
  use: (face: HttpServer, port: number) => Promise<void>,
): Promise<void> {
  const logger = createLogger({ service: "test", level: "error" });
  const protocol = implementService(GRPCInferenceService, { serverLive: async () => ({ live: true }) });
  const infer = {} as InferOptions;
  const face = new HttpServer({
    logger,
    infer,
    protocol,
    security: openSecurity,
    connect: new Map(),
    files: new Map(),
    corsOrigins: [],
    faces: new Map(),
    limits,
  });
  const port = await face.listen("127.0.0.1:0");
  try {
    await use(face, port);
  } finally {
    await face.stop(100);
  }
}

interface Life {
  readonly ms: number;
  readonly heard: string;
}

/** Opens a socket, sends these bytes, and then one more of the others every 50 ms, until it is closed. */
function talk(port: number, atOnce: string, slowly = ""): Promise<Life> {
  const startMs = performance.now();
  let heard = "";
  let at = 0;
  const socket: Socket = connect(port, "127.0.0.1", () => socket.write(atOnce));
  const timer = setInterval(() => {
    if (at < slowly.length) socket.write(slowly[at++] ?? "");
  }, 50);
  socket.on("data", (bytes) => {
    heard += bytes.toString();
  });
  socket.on("error", () => {});
  return new Promise((resolve) =>
    socket.on("close", () => {
      clearInterval(timer);
      resolve({ ms: performance.now() - startMs, heard });
    }),
  );
}

describe("HTTP face", () => {
  it.each([
    ["says nothing", "", ""],
    ["lets its head drip", "POST /", HEAD.slice(6)],
  ])("closes a connection that %s with 408", async (_, atOnce, slowly) => {
    await served({ headersMaxMs: 300, requestMaxMs: 20_000 }, async (face, port) => {
      const { ms, heard } = await talk(port, atOnce, slowly);
      expect(ms).toBeGreaterThan(250);
      expect(ms).toBeLessThan(LIVED_MAX_MS);
      expect(heard).toMatch(/^HTTP\/1.1 408 /);
      await until(() => face.load.connections === 0);
      expect(face.load.refused).toMatchObject({ time: 1 });
    });
  });

  it("closes a connection that lets its body drip, and lets go of what came of it", async () => {
    await served({ requestMaxMs: 500, headersMaxMs: 400 }, async (face, port) => {
      const dripping = talk(port, `${HEAD}Content-Length: 1000\r\n\r\n0123456789`, "x".repeat(1000));
      await until(() => face.load.heldBytes >= 10 && face.load.openCalls === 1);
      expect((await dripping).ms).toBeLessThan(LIVED_MAX_MS);
      await until(() => face.load.heldBytes === 0 && face.load.openCalls === 0);
      expect(face.load.refused).toMatchObject({ time: 1 });
    });
  });

  it("keeps a connection for the next request, and closes one that is idle", async () => {
    await served({ keepAliveMs: 400 }, async (face, port) => {
      const { ms, heard } = await talk(port, LIVE, LIVE);
      expect(heard.match(/HTTP\/1.1 200 OK/g)).toHaveLength(2);
      expect(ms).toBeGreaterThan(400 + 50 * LIVE.length);
      expect(ms).toBeLessThan(400 + 50 * LIVE.length + LIVED_MAX_MS);
      await until(() => face.load.connections === 0);
    });
  });

  it("closes connections beyond its bound as they come, and counts them", async () => {
    await served({ connectionsMax: 2 }, async (face, port) => {
      const held = [connect(port, "127.0.0.1"), connect(port, "127.0.0.1")];
      await until(() => face.load.connections === 2);
      expect(await talk(port, LIVE)).toMatchObject({ heard: "" });
      expect(face.load).toMatchObject({ connections: 2, refused: { connections: 1 } });
      for (const socket of held) socket.destroy();
      await until(() => face.load.connections === 0);
      expect((await talk(port, LIVE.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"))).heard).toContain(
        "200 OK",
      );
    });
  });

  it("refuses heads beyond the bound and what is no HTTP", async () => {
    await served({ headerMaxBytes: 2_048 }, async (face, port) => {
      expect((await talk(port, `${HEAD}Note: ${"x".repeat(4_096)}\r\n\r\n`)).heard).toMatch(
        /^HTTP\/1.1 431 /,
      );
      expect((await talk(port, "\u0016\u0003\u0001\r\n\r\n")).heard).toMatch(/^HTTP\/1.1 400 /);
      expect(face.load.refused).toMatchObject({ malformed: 2 });
    });
  });

  it("refuses bodies that would hold more than all may together", async () => {
    await served({ heldMaxBytes: 1_000 }, async (face, port) => {
      const first = connect(port, "127.0.0.1", () =>
        first.write(`${HEAD}Content-Length: 900\r\n\r\n${"x".repeat(800)}`),
      );
      await until(() => face.load.heldBytes === 800);
      const { heard } = await talk(
        port,
        `${HEAD}Connection: close\r\nContent-Length: 300\r\n\r\n${"x".repeat(300)}`,
      );
      expect(heard).toMatch(/^HTTP\/1.1 429 /);
      expect(face.load).toMatchObject({ heldBytes: 800, refused: { bytes: 1 } });
      first.destroy();
      await until(() => face.load.heldBytes === 0);
    });
  });

  it("serves another who asks while one drips", async () => {
    let over = false;
    let dripping: Promise<unknown> | null = null;
    await served({}, async (face, port) => {
      dripping = talk(port, `${HEAD}Content-Length: 1000\r\n\r\n`, "x".repeat(1000)).then(() => {
        over = true;
      });
      await until(() => face.load.openCalls === 1);
      const closing = LIVE.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
      expect((await talk(port, closing)).heard).toContain("200 OK");
      expect(over).toBe(false);
    });
    await dripping;
  });
});
