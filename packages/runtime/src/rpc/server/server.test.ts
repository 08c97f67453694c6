import { Client } from "@grpc/grpc-js";
import { Code, ServiceError } from "../../errors";
import { createLogger } from "../../process/logger";
import { collect, failureOf, listOf } from "../../testing/echo-calls";
import { EchoService, echoFile } from "../../testing/echo-service";
import { onEveryTransport } from "../../testing/transports";
import { createRpcClient } from "../client/client";
import { openRawBidi } from "../client/open-raw-bidi";
import { SERVER_LIMITS } from "../server-limits";
import { type HandlersOf, implementService, methodPath } from "../service";
import { retryDelayMs, retryInfo } from "../status";
import type { RpcServer } from "./server";

type Echo = HandlersOf<typeof EchoService>;

const logger = createLogger({ service: "test", level: "error" });

onEveryTransport((tested) => {
  async function serving<T>(
    handlers: Partial<Echo>,
    use: (port: number, server: RpcServer) => Promise<T>,
  ): Promise<T> {
    const server = tested.create({ logger, reflection: [echoFile] });
    server.add(implementService(EchoService, handlers, "this test has no use for it"));
    const port = await server.listen("127.0.0.1:0");
    try {
      return await use(port, server);
    } finally {
      await server.stop(1_000);
    }
  }

  async function withClient<T>(
    handlers: Partial<Echo>,
    use: (client: ReturnType<typeof createRpcClient<typeof EchoService>>) => Promise<T>,
  ): Promise<T> {
    return serving(handlers, async (port) => {
      const client = createRpcClient(EchoService, `127.0.0.1:${port}`, {
        dial: tested.dial,
        defaultTimeoutMs: 10_000,
      });
      try {
        return await use(client);
      } finally {
        client.close();
      }
    });
  }

  const handlers: Partial<Echo> = {
    say: async (request, context) => ({ value: `${request.value}${context.metadata("mark") ?? ""}` }),
    repeat: async function* (request) {
      for (let i = 0; i < 100; i += 1) yield { value: `${request.value}${i}` };
    },
    join: async (requests) => ({ value: (await collect(requests)).join("+") }),
    chat: async function* (requests) {
      for await (const { value } of requests) yield { value: value.toUpperCase() };
    },
  };

  describe("createRpcServer and createRpcClient", () => {
    it("carry every kind of call over a real socket", async () => {
      await withClient(handlers, async (client) => {
        expect((await client.say({ value: "hello" }, { metadata: { mark: "!" } })).value).toBe("hello!");
        const repeated = await collect(client.repeat({ value: "r" }));
        expect(repeated).toHaveLength(100);
        expect(repeated[99]).toBe("r99");
        expect((await client.join(listOf("a", "b", "c"))).value).toBe("a+b+c");
        expect(await collect(client.chat(listOf("a", "b")))).toEqual(["A", "B"]);
      });
    });

    it("carry messages far larger than the defaults of gRPC both ways", async () => {
      const large = "x".repeat(12 * 1024 * 1024);
      await withClient(handlers, async (client) => {
        expect((await client.say({ value: large })).value).toHaveLength(large.length);
      });
    });

    it("tell a failure with its code, sentence and typed details", async () => {
      const refuse: Echo["say"] = async () => {
        const details = [
          { typeName: "infaas.v1.Refusal", value: new Uint8Array([10, 1, 65]) },
          retryInfo(1_250.5),
        ];
        throw new ServiceError(Code.RESOURCE_EXHAUSTED, "all 3 instances are full: café", { details });
      };
      await withClient({ say: refuse }, async (client) => {
        const error = await failureOf(client.say({ value: "" }));
        expect(error.code).toBe(Code.RESOURCE_EXHAUSTED);
        expect(error.message).toBe("all 3 instances are full: café");
        expect(error.details[0]).toEqual({
          typeName: "infaas.v1.Refusal",
          value: new Uint8Array([10, 1, 65]),
        });
        expect(retryDelayMs(error)).toBeCloseTo(1_250.5, 6);
      });
    });

    it("leave out details that no header block could hold, and keep the rest of the failure", async () => {
      const refuse: Echo["say"] = async () => {
        const details = [retryInfo(5), { typeName: "infaas.v1.Refusal", value: new Uint8Array(64 * 1024) }];
        throw new ServiceError(Code.RESOURCE_EXHAUSTED, "full", { details });
      };
      await withClient({ say: refuse }, async (client) => {
        const error = await failureOf(client.say({ value: "" }));
        expect(error.message).toBe("full");
        expect(error.details.map((d) => d.typeName)).toEqual(["google.rpc.RetryInfo"]);
      });
    });

    it("answer UNIMPLEMENTED with the reason where there is no handler", async () => {
      await withClient({}, async (client) => {
        const error = await failureOf(client.say({ value: "" }));
        expect(error.code).toBe(Code.UNIMPLEMENTED);
        expect(error.message).toBe("Say is not served here: this test has no use for it");
        const stream = await failureOf(collect(client.chat(listOf("a"))));
        expect(stream.code).toBe(Code.UNIMPLEMENTED);
      });
    });

    it("tell what a stream had given before it failed", async () => {
      const repeat: Echo["repeat"] = async function* () {
        yield { value: "first" };
        throw new ServiceError(Code.DATA_LOSS, "the second is gone");
      };
      await withClient({ repeat }, async (client) => {
        const seen: string[] = [];
        const read = async (): Promise<void> => {
          for await (const { value } of client.repeat({ value: "" })) seen.push(value);
        };
        const error = await failureOf(read());
        expect(seen).toEqual(["first"]);
        expect(error.code).toBe(Code.DATA_LOSS);
      });
    });

    it("take no message that unpacks to more than a message may have", async () => {
      const same = (bytes: Buffer) => bytes;
      const code = await serving({ say: async ({ value }) => ({ value }) }, async (port) => {
        const packing = { "grpc.default_compression_algorithm": 2 };
        const client = new Client(`127.0.0.1:${port}`, tested.dial.credentials, packing);
        const bomb = Buffer.alloc(SERVER_LIMITS.messageMaxBytes + 1);
        const path = methodPath(EchoService.method.say);
        const ended = await new Promise((resolve) => {
          client.makeUnaryRequest(path, same, same, bomb, (e) => resolve(e?.code));
        });
        client.close();
        return ended;
      });
      expect(code).toBe(Code.RESOURCE_EXHAUSTED);
    });

    it("say of a message that is too large how large it is, and how large it may be", async () => {
      const answer = "x".repeat(2_000);
      await serving({ say: async () => ({ value: answer }) }, async (port) => {
        const client = createRpcClient(EchoService, `127.0.0.1:${port}`, {
          dial: tested.dial,
          maxMessageBytes: 1_000,
        });
        const asked = await failureOf(client.say({ value: answer }));
        const answered = await failureOf(client.say({ value: "" }));
        client.close();
        expect([asked, answered]).toMatchObject([
          {
            code: Code.RESOURCE_EXHAUSTED,
            message: "the request of Say has 2003 bytes, a message may have 1000",
          },
          {
            code: Code.RESOURCE_EXHAUSTED,
            message: "the answer of Say has 2003 bytes, a message may have 1000",
          },
        ]);
      });
    });

    it("tell an unreadable message apart from a bug", async () => {
      await serving(handlers, async (port) => {
        const stream = openRawBidi(`127.0.0.1:${port}`, EchoService, "Chat", { dial: tested.dial });
        stream.onData(() => {});
        stream.write(new Uint8Array([0xff, 0xff]));
        const error = await new Promise<ServiceError | null>((resolve) => stream.onEnd(resolve));
        expect(error?.code).toBe(Code.INVALID_ARGUMENT);
        await stream.closed;
      });
    });
  });

  describe("a call", () => {
    it("ends at its deadline at both ends, and the handler knows how long it had", async () => {
      const seen: { left?: number | null; aborted?: Promise<void> } = {};
      const say: Echo["say"] = (_request, context) => {
        seen.left = context.deadlineMs;
        seen.aborted = new Promise((resolve) => context.signal.addEventListener("abort", () => resolve()));
        return new Promise(() => {});
      };
      await withClient({ say }, async (client) => {
        const error = await failureOf(client.say({ value: "" }, { timeoutMs: 300 }));
        expect(error.code).toBe(Code.DEADLINE_EXCEEDED);
        await seen.aborted;
        expect(seen.left).toBeGreaterThan(0);
        expect(seen.left).toBeLessThanOrEqual(300);
      });
    });

    it("is cancelled by its signal, and the handler hears of it", async () => {
      const controller = new AbortController();
      let aborted: Promise<void> | undefined;
      const repeat: Echo["repeat"] = async function* (_request, context) {
        const gone = new Promise<void>((resolve) =>
          context.signal.addEventListener("abort", () => resolve()),
        );
        aborted = gone;
        yield { value: "one" };
        await gone;
      };
      await withClient({ repeat }, async (client) => {
        const read = async (): Promise<void> => {
          for await (const _ of client.repeat({ value: "" }, { signal: controller.signal }))
            controller.abort();
        };
        const error = await failureOf(read());
        expect(error.code).toBe(Code.CANCELLED);
        await aborted;
      });
    });

    it("is cancelled when its reader leaves the loop", async () => {
      let aborted: Promise<void> | undefined;
      const repeat: Echo["repeat"] = async function* (_request, context) {
        const gone = new Promise<void>((resolve) =>
          context.signal.addEventListener("abort", () => resolve()),
        );
        aborted = gone;
        yield { value: "one" };
        await gone;
      };
      await withClient({ repeat }, async (client) => {
        for await (const { value } of client.repeat({ value: "" })) {
          expect(value).toBe("one");
          break;
        }
        await aborted;
      });
    });

    it("fails UNAVAILABLE where nobody listens", async () => {
      const port = await serving({}, async (p) => p);
      const client = createRpcClient(EchoService, `127.0.0.1:${port}`, { dial: tested.dial });
      const error = await failureOf(client.say({ value: "" }, { timeoutMs: 5_000 }));
      expect(error.code).toBe(Code.UNAVAILABLE);
      client.close();
    });
  });

  describe("RpcServer.stop", () => {
    it("cuts off what outlasts its grace", async () => {
      const server = tested.create({ logger });
      server.add(implementService(EchoService, { say: () => new Promise(() => {}) }));
      const port = await server.listen("127.0.0.1:0");
      const client = createRpcClient(EchoService, `127.0.0.1:${port}`, { dial: tested.dial });
      const started = failureOf(client.say({ value: "" }));
      await new Promise((resolve) => setImmediate(resolve));
      await server.stop(100);
      expect((await started).code).not.toBe(Code.OK);
      client.close();
    });

    it("ends streams that would never end by themselves, at both ends", async () => {
      let handlerEnded: Promise<void> | undefined;
      const repeat: Echo["repeat"] = async function* (_request, context) {
        const gone = new Promise<void>((resolve) =>
          context.signal.addEventListener("abort", () => resolve()),
        );
        handlerEnded = gone;
        yield { value: "first" };
        await gone;
      };
      const server = tested.create({ logger });
      server.add(implementService(EchoService, { repeat }));
      const port = await server.listen("127.0.0.1:0");
      const client = createRpcClient(EchoService, `127.0.0.1:${port}`, { dial: tested.dial });
      const read = async (): Promise<void> => {
        for await (const _ of client.repeat({ value: "" })) stopped ??= server.stop(50);
      };
      let stopped: Promise<void> | undefined;
      expect((await failureOf(read())).code).toBe(Code.UNAVAILABLE);
      await handlerEnded;
      await stopped;
      client.close();
    });

    it("refuses an address that is taken", async () => {
      await serving({}, async (port) => {
        const other = tested.create({ logger });
        expect((await failureOf(other.listen(`127.0.0.1:${port}`))).code).toBe(Code.UNAVAILABLE);
        await other.stop(100);
      });
    });
  });
});
