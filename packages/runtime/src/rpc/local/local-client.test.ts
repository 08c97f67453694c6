import { Code, ServiceError } from "../../errors";
import { createLogger } from "../../process/logger";
import { collect, failureOf, listOf } from "../../testing/echo-calls";
import { EchoService } from "../../testing/echo-service";
import { systemClock } from "../../time/clock";
import { VirtualClock } from "../../time/virtual-clock";
import { type ClientOf, createRpcClient } from "../client/client";
import { createRpcServer } from "../server/server";
import { type CallContext, type HandlersOf, implementService } from "../service";
import { createLocalClient } from "./local-client";

type Echo = HandlersOf<typeof EchoService>;
type Client = ClientOf<typeof EchoService>;

async function overSocket(handlers: Partial<Echo>, use: (client: Client) => Promise<void>): Promise<void> {
  const server = createRpcServer({ logger: createLogger({ service: "test", level: "error" }) });
  server.add(implementService(EchoService, handlers));
  const client = createRpcClient(EchoService, `127.0.0.1:${await server.listen("127.0.0.1:0")}`);
  try {
    await use(client);
  } finally {
    client.close();
    await server.stop(1_000);
  }
}

async function inProcess(handlers: Partial<Echo>, use: (client: Client) => Promise<void>): Promise<void> {
  await use(createLocalClient(EchoService, implementService(EchoService, handlers), { clock: systemClock }));
}

/** Resolves when the caller of the call is gone. */
function gone({ signal }: CallContext): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

/** What a client over a socket does, one without does too. */
describe.each([
  ["createRpcClient", overSocket],
  ["createLocalClient", inProcess],
])("%s", (_, withClient) => {
  it("carries every kind of call", async () => {
    const handlers: Partial<Echo> = {
      say: async (request, context) => ({ value: `${request.value}${context.metadata("mark") ?? ""}` }),
      repeat: async function* ({ value }) {
        for (let i = 0; i < 100; i++) yield { value: `${value}${i}` };
      },
      join: async (requests) => ({ value: (await collect(requests)).join("+") }),
      chat: async function* (requests) {
        for await (const { value } of requests) yield { value: value.toUpperCase() };
      },
    };
    await withClient(handlers, async (client) => {
      const said = await client.say({ value: "hello" }, { metadata: { mark: "!" } });
      expect(said).toMatchObject({ $typeName: "google.protobuf.StringValue", value: "hello!" });
      expect((await collect(client.repeat({ value: "r" })))[99]).toBe("r99");
      expect((await client.join(listOf("a", "b", "c"))).value).toBe("a+b+c");
      expect(await collect(client.chat(listOf("a", "b")))).toEqual(["A", "B"]);
    });
  });

  it("tells a failure with its code, also after some answers of a stream", async () => {
    const full = new ServiceError(Code.RESOURCE_EXHAUSTED, "all 3 instances are full");
    const handlers: Partial<Echo> = {
      say: () => Promise.reject(full),
      repeat: async function* () {
        yield { value: "first" };
        throw full;
      },
    };
    await withClient(handlers, async (client) => {
      expect(await failureOf(client.say({ value: "" }))).toMatchObject({ ...full, message: full.message });
      const told: string[] = [];
      const reading = async () => {
        for await (const { value } of client.repeat({ value: "" })) told.push(value);
      };
      expect((await failureOf(reading())).code).toBe(Code.RESOURCE_EXHAUSTED);
      expect(told).toEqual(["first"]);
      expect((await failureOf(client.join(listOf()))).code).toBe(Code.UNIMPLEMENTED);
    });
  });

  it("tells the handler when the caller cancels, and the caller that it did", async () => {
    const ended: string[] = [];
    const handlers: Partial<Echo> = {
      say: async (_request, context) => {
        await gone(context);
        ended.push("say");
        return { value: "" };
      },
      repeat: async function* (_request, context) {
        try {
          yield { value: "first" };
          await gone(context);
        } finally {
          ended.push("repeat");
        }
      },
    };
    await withClient(handlers, async (client) => {
      const giving = new AbortController();
      const say = failureOf(client.say({ value: "" }, { signal: giving.signal }));
      for await (const { value } of client.repeat({ value: "" })) {
        expect(value).toBe("first");
        break;
      }
      while (ended.length === 0) await new Promise((turn) => setImmediate(turn));
      giving.abort();
      expect((await say).code).toBe(Code.CANCELLED);
      while (ended.length === 1) await new Promise((turn) => setImmediate(turn));
      expect(ended).toEqual(["repeat", "say"]);
    });
  });

  it("ends a call whose caller had cancelled before", async () => {
    await withClient({ say: async () => ({ value: "" }) }, async (client) => {
      const call = client.say({ value: "" }, { signal: AbortSignal.abort() });
      expect((await failureOf(call)).code).toBe(Code.CANCELLED);
    });
  });
});

describe("createLocalClient on a virtual clock", () => {
  const never: Partial<Echo> = { say: (_request, context) => gone(context).then(() => ({ value: "" })) };

  it("ends a call by its timeout, in virtual time", async () => {
    const clock = new VirtualClock();
    const implementation = implementService(EchoService, never);
    const client = createLocalClient(EchoService, implementation, { clock, defaultTimeoutMs: 5_000 });
    let code: Code | null = null;
    void failureOf(client.say({ value: "" })).then((error) => {
      code = error.code;
    });
    await clock.advance(4_999);
    expect(code).toBeNull();
    await clock.advance(1);
    expect(code).toBe(Code.DEADLINE_EXCEEDED);
  });

  it("calls no handler before the turn of its caller is over", async () => {
    const called: string[] = [];
    const say: Echo["say"] = async ({ value }) => {
      called.push(value);
      return { value };
    };
    const clock = new VirtualClock();
    const client = createLocalClient(EchoService, implementService(EchoService, { say }), { clock });
    const calls = [client.say({ value: "a" }), client.say({ value: "b" })];
    expect(called).toEqual([]);
    await Promise.all(calls);
    expect(called).toEqual(["a", "b"]);
  });
});
