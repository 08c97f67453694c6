import { type AddressInfo, createConnection, createServer, type Socket } from "node:net";
import { Client, Metadata, status } from "@grpc/grpc-js";
import type { WireLimits } from "../lib";
import { outcomeOf, type Served, type Serving, serve, settled, until } from "./served";

const identity = (bytes: Buffer): Buffer => bytes;

function patterned(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let i = 0; i < size; i++) bytes[i] = (i * 31 + (i >> 8)) & 0xff;
  return bytes;
}

/** Sends raw bytes; resolves with what came back when the server has closed. */
function talk(port: number, bytes: Buffer): Promise<Buffer> {
  const { promise, resolve } = settled<Buffer>();
  const heard: Buffer[] = [];
  const socket: Socket = createConnection(port, "127.0.0.1", () => socket.write(bytes));
  socket.on("data", (chunk) => heard.push(chunk));
  socket.on("error", () => {});
  socket.on("close", () => resolve(Buffer.concat(heard)));
  return promise;
}

describe.each([
  ["in the clear", false],
  ["with TLS", true],
])("Wire %s", (_, tls) => {
  async function withServed(
    use: (served: Served) => Promise<void>,
    limits: Partial<WireLimits> = {},
    channel: Serving["channel"] = {},
  ) {
    const served = serve({ limits, channel, tls });
    try {
      await use(served);
    } finally {
      served.close();
    }
  }

  it.each([0, 1, 255, 16_384, 65_536, 602_112, 9_000_001])("echoes a message of %i bytes", async (size) => {
    await withServed(async ({ say }) => {
      const sent = patterned(size);
      const { bytes, code } = await say(sent);
      expect(code).toBe(status.OK);
      expect(bytes?.equals(sent)).toBe(true);
    });
  });

  it("echoes many at once on one connection, each to its own caller", async () => {
    await withServed(async ({ say }) => {
      const sizes = Array.from({ length: 200 }, (_, i) => (i * 7919) % 50_000);
      const outcomes = await Promise.all(sizes.map((size) => say(patterned(size))));
      expect(outcomes.map(({ bytes }) => bytes?.byteLength)).toEqual(sizes);
    });
  });

  it.each([
    ["gzip", 2],
    ["deflate", 1],
  ])("takes messages packed with %s", async (_, algorithm) => {
    await withServed(
      async ({ say }) => {
        const sent = patterned(300_000);
        expect((await say(sent)).bytes?.equals(sent)).toBe(true);
      },
      {},
      { "grpc.default_compression_algorithm": algorithm },
    );
  });

  it("takes no message that unpacks to more than is allowed", async () => {
    await withServed(
      async ({ say }) => {
        const { code, details } = await say(Buffer.alloc(200_000));
        expect(code).toBe(status.RESOURCE_EXHAUSTED);
        expect(details).toBe("message unpacks to more than 100000 bytes");
      },
      { messageMaxBytes: 100_000 },
      { "grpc.default_compression_algorithm": 2 },
    );
  });

  it("refuses a message above the limit, and serves the next on the same connection", async () => {
    await withServed(
      async ({ say, wire }) => {
        const refused = await say(patterned(100_001));
        expect(refused.code).toBe(status.RESOURCE_EXHAUSTED);
        expect(refused.details).toBe("message of 100001 bytes; at most 100000 are taken");
        expect((await say(patterned(10))).code).toBe(status.OK);
        expect(wire.connections).toBe(1);
      },
      { messageMaxBytes: 100_000 },
    );
  });

  it("refuses headers above the limit", async () => {
    await withServed(
      async ({ say }) => {
        const metadata = new Metadata();
        metadata.set("long", "x".repeat(3_000));
        expect((await say(patterned(1), metadata)).code).toBe(status.RESOURCE_EXHAUSTED);
        expect((await say(patterned(1))).code).toBe(status.OK);
      },
      { headerMaxBytes: 2_000 },
    );
  });

  it("refuses bytes of requests above what may be held, until those before are answered", async () => {
    await withServed(
      async ({ client, held, say }) => {
        const first = outcomeOf(client, "Hold", patterned(60_000));
        await until(() => held.length === 1);
        held[0]?.answer(Buffer.alloc(1), []);
        expect((await first.outcome).code).toBe(status.OK);
        expect((await say(patterned(90_000))).code).toBe(status.OK);
        const refused = await say(patterned(200_001));
        expect(refused.code).toBe(status.RESOURCE_EXHAUSTED);
        expect(refused.details).toMatch(
          /^this connection holds \d+ bytes, .* of 400000; no more may be held/,
        );
      },
      { heldMaxBytes: 400_000 },
    );
  });

  it("answers UNIMPLEMENTED where nothing is served", async () => {
    await withServed(async ({ client }) => {
      expect((await outcomeOf(client, "Nothing", patterned(1)).outcome).code).toBe(status.UNIMPLEMENTED);
    });
  });

  it("tells status, sentence and trailers, also beyond ASCII", async () => {
    await withServed(async ({ client, held }) => {
      const { outcome } = outcomeOf(client, "Hold", patterned(1));
      await until(() => held.length === 1);
      held[0]?.finish(status.FAILED_PRECONDITION, "no café: 100% full\n", [
        "note",
        "n",
        "raw-bin",
        Buffer.from([0, 255]).toString("base64"),
      ]);
      const { code, details, trailers } = await outcome;
      expect([code, details]).toEqual([status.FAILED_PRECONDITION, "no café: 100% full\n"]);
      expect(trailers.get("note")).toEqual(["n"]);
      expect(trailers.get("raw-bin")).toEqual([Buffer.from([0, 255])]);
    });
  });

  it("gives metadata in pairs, binary values as base64", async () => {
    await withServed(async ({ client, held }) => {
      const metadata = new Metadata();
      metadata.set("mark", "m");
      metadata.set("id-bin", Buffer.from([1, 2, 3]));
      outcomeOf(client, "Hold", patterned(1), { metadata });
      await until(() => held.length === 1);
      const pairs = held[0]?.metadata() ?? [];
      expect(pairs[pairs.indexOf("mark") + 1]).toBe("m");
      expect(Buffer.from(pairs[pairs.indexOf("id-bin") + 1] ?? "", "base64")).toEqual(Buffer.from([1, 2, 3]));
      expect(held[0]?.peer).toMatch(/^127\.0\.0\.1:\d+$/);
    });
  });

  it("ends a call at its deadline and tells its handler", async () => {
    await withServed(async ({ client, held, cancelled, wire }) => {
      // Long enough to arrive on a busy machine.
      const deadlineMs = 2_000;
      const { outcome } = outcomeOf(client, "Hold", patterned(1), { deadlineMs });
      await until(() => held.length === 1);
      expect((await outcome).code).toBe(status.DEADLINE_EXCEEDED);
      await until(() => cancelled.length === 1);
      expect(held[0]?.deadlineMs).toBeGreaterThan(0);
      expect(held[0]?.deadlineMs).toBeLessThanOrEqual(deadlineMs);
      expect(wire.openCalls).toBe(0);
      held[0]?.answer(Buffer.alloc(1), []);
    });
  });

  it("tells the handler of a caller that has gone", async () => {
    await withServed(async ({ client, held, cancelled, wire }) => {
      const { call } = outcomeOf(client, "Hold", patterned(1));
      outcomeOf(client, "Hold", patterned(1));
      await until(() => held.length === 2);
      call.cancel();
      await until(() => cancelled.length === 1);
      expect(cancelled[0]).toBe(held[0]);
      expect(wire.openCalls).toBe(1);
    });
  });

  it("cancels the calls of a connection that was cut, and forgets it", async () => {
    await withServed(async ({ port, credentials, held, cancelled, wire }) => {
      const relayed: Socket[] = [];
      const relay = createServer((socket) => {
        const onward = createConnection(port, "127.0.0.1");
        socket.pipe(onward).pipe(socket);
        relayed.push(socket, onward);
        for (const end of [socket, onward]) end.on("error", () => {});
      });
      await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve));
      const address = `127.0.0.1:${(relay.address() as AddressInfo).port}`;
      const client = new Client(address, credentials, { "grpc.ssl_target_name_override": "localhost" });
      const { outcome } = outcomeOf(client, "Hold", patterned(1));
      await until(() => held.length === 1);
      for (const socket of relayed) socket.destroy();
      await until(() => cancelled.length === 1 && wire.connections === 0);
      expect((await outcome).code).toBe(status.UNAVAILABLE);
      client.close();
      relay.close();
    });
  });

  it("streams both ways in order, and holds a client back whose reader is slow", async () => {
    await withServed(async ({ client }) => {
      const call = client.makeBidiStreamRequest("/t.T/Chat", identity, identity);
      const sizes = Array.from({ length: 60 }, (_, i) => ((i * 7919) % 400_000) + i);
      const heard: number[] = [];
      const ended = new Promise<void>((resolve) => call.on("status", () => resolve()));
      call.pause();
      for (const size of sizes) call.write(patterned(size));
      call.end();
      call.on("data", (bytes: Buffer) => heard.push(bytes.byteLength));
      call.resume();
      await ended;
      expect(heard).toEqual(sizes);
    });
  });

  it("hears a cancelled stream", async () => {
    await withServed(async ({ client, held, cancelled }) => {
      const call = client.makeBidiStreamRequest("/t.T/Listen", identity, identity);
      call.on("error", () => {});
      call.write(patterned(10));
      await until(() => held.length === 1);
      call.cancel();
      await until(() => cancelled.length === 1);
    });
  });

  it("lets calls end when it is shut down, and the connections after them", async () => {
    await withServed(async ({ client, held, wire }) => {
      const { outcome } = outcomeOf(client, "Hold", patterned(1));
      await until(() => held.length === 1);
      wire.shutDown(false);
      wire.shutDown(true);
      held[0]?.answer(Buffer.from("late"), []);
      expect((await outcome).bytes?.toString()).toBe("late");
      await until(() => wire.connections === 0);
    });
  });

  it.each([
    ["HTTP/1.1", Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n")],
    ["zeros", Buffer.alloc(1_000)],
    [
      "a preface and then noise",
      Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), patterned(5_000)]),
    ],
  ])("closes a connection that talks %s, and serves the others on", async (_, bytes) => {
    await withServed(async ({ port, say, wire }) => {
      await talk(port, bytes);
      expect((await say(patterned(3))).code).toBe(status.OK);
      await until(() => wire.connections === 1);
    });
  });

  it("closes further connections once there are as many as allowed", async () => {
    await withServed(
      async ({ port, client, held }) => {
        const { outcome } = outcomeOf(client, "Hold", patterned(3));
        await until(() => held.length === 1);
        expect(await talk(port, Buffer.alloc(0))).toEqual(Buffer.alloc(0));
        held[0]?.answer(Buffer.alloc(1), []);
        expect((await outcome).code).toBe(status.OK);
      },
      { connectionsMax: 1 },
    );
  });

  it("tells of handshakes that failed, the first at once", async () => {
    await withServed(async ({ wire, port }) => {
      const heard: [number, string][] = [];
      wire.handshakesFailed = (...what) => heard.push(what);
      await talk(port, Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
      if (!tls) return;
      await until(() => heard.length === 1);
      expect(heard).toEqual([[1, expect.stringMatching(/^127\.0\.0\.1:\d+: http request$/)]]);
    });
  });

  it("says why it cannot listen", async () => {
    await withServed(async ({ wire, port }) => {
      expect(wire.listen("127.0.0.1", port)).toBe("Address already in use");
      expect(wire.listen("nowhere", 0)).toBe("'nowhere' is no IP address");
    });
  });
});
