import { create, toBinary } from "@bufbuild/protobuf";
import { StringValueSchema } from "@bufbuild/protobuf/wkt";
import { Code, ServiceError } from "../../errors";
import { createLogger } from "../../process/logger";
import { EchoService } from "../../testing/echo-service";
import { onEveryTransport } from "../../testing/transports";
import { createRpcClient } from "../client/client";
import { openRawBidi } from "../client/open-raw-bidi";
import type { GatherMessage, RawStream } from "../raw";
import { implementService } from "../service";
import type { RpcServer } from "./server";

const logger = createLogger({ service: "test", level: "error" });

onEveryTransport((tested) => {
  async function serving(
    prepare: (server: RpcServer) => void,
    use: (address: string) => Promise<void>,
  ): Promise<void> {
    const server = tested.create({ logger });
    prepare(server);
    const port = await server.listen("127.0.0.1:0");
    try {
      await use(`127.0.0.1:${port}`);
    } finally {
      await server.stop(500);
    }
  }

  /** Two parts that become one message. */
  function gather(...parts: Uint8Array[]): GatherMessage {
    const total = parts.reduce((sum, part) => sum + part.byteLength, 0);
    return {
      length: total,
      byteLength: total,
      copy: (target, offset) => {
        let at = offset;
        for (const part of parts) {
          target.set(part, at);
          at += part.byteLength;
        }
        return total;
      },
    };
  }

  const wire = (value: string): Uint8Array =>
    toBinary(StringValueSchema, create(StringValueSchema, { value }));

  describe("addRawUnary", () => {
    it("hands over undecoded bytes, and sends parts as one message", async () => {
      await serving(
        (server) => {
          server.addRawUnary(EchoService, "Say", (bytes, call) => {
            expect(call.deadlineMs).toBeGreaterThan(0);
            call.answer(gather(bytes.subarray(0, 1), bytes.subarray(1)), { note: "n" });
          });
          server.add(implementService(EchoService, {}));
        },
        async (address) => {
          const client = createRpcClient(EchoService, address, { dial: tested.dial });
          const value = "y".repeat(700_000);
          expect((await client.say({ value }, { timeoutMs: 10_000 })).value).toBe(value);
          client.close();
        },
      );
    });

    it("refuses with the whole failure, once", async () => {
      await serving(
        (server) => {
          server.add(implementService(EchoService, {}));
          server.addRawUnary(EchoService, "Say", (_bytes, call) => {
            call.refuse(new ServiceError(Code.FAILED_PRECONDITION, "no variant is that fast"));
            call.answer(wire("too late"));
          });
        },
        async (address) => {
          const client = createRpcClient(EchoService, address, { dial: tested.dial });
          await expect(client.say({ value: "" })).rejects.toMatchObject({
            code: Code.FAILED_PRECONDITION,
            message: "no variant is that fast",
          });
          client.close();
        },
      );
    });

    it("answers INTERNAL when the handler throws", async () => {
      const lines: string[] = [];
      const server = tested.create({
        logger: createLogger({ service: "t", write: (line) => lines.push(line) }),
      });
      server.addRawUnary(EchoService, "Say", () => {
        throw new TypeError("a bug");
      });
      const client = createRpcClient(EchoService, `127.0.0.1:${await server.listen("127.0.0.1:0")}`, {
        dial: tested.dial,
      });
      await expect(client.say({ value: "" })).rejects.toMatchObject({ code: Code.INTERNAL });
      expect(lines.join("")).toContain("a bug");
      client.close();
      await server.stop(500);
    });

    it("tells when the caller has gone", async () => {
      let gone: (value: boolean) => void = () => {};
      const wasCancelled = new Promise<boolean>((resolve) => {
        gone = resolve;
      });
      await serving(
        (server) => {
          server.addRawUnary(EchoService, "Say", (_bytes, call) => call.onCancel(() => gone(true)));
        },
        async (address) => {
          const client = createRpcClient(EchoService, address, { dial: tested.dial });
          await expect(client.say({ value: "" }, { timeoutMs: 200 })).rejects.toMatchObject({
            code: Code.DEADLINE_EXCEEDED,
          });
          expect(await wasCancelled).toBe(true);
          client.close();
        },
      );
    });
  });

  describe("addRawBidi and openRawBidi", () => {
    it("carry messages both ways in order and end cleanly", async () => {
      await serving(
        (server) => {
          server.addRawBidi(EchoService, "Chat", (stream) => {
            expect(stream.metadata("name")).toBe("link-1");
            stream.onData((bytes) => stream.write(gather(bytes, new Uint8Array([7]))));
            stream.onEnd(() => stream.end());
          });
        },
        async (address) => {
          const stream = openRawBidi(address, EchoService, "Chat", {
            dial: tested.dial,
            metadata: { name: "link-1" },
          });
          const sizes: number[] = [];
          const all = new Promise<void>((resolve) => {
            stream.onData((bytes) => {
              expect(bytes[bytes.length - 1]).toBe(7);
              if (sizes.push(bytes.length) === 20) resolve();
            });
          });
          for (let i = 0; i < 20; i += 1)
            stream.write(gather(new Uint8Array(i * 40_000), new Uint8Array([1])));
          await all;
          expect(sizes).toEqual(Array.from({ length: 20 }, (_, i) => i * 40_000 + 2));
          const ended = new Promise<ServiceError | null>((resolve) => stream.onEnd(resolve));
          stream.end();
          expect(await ended).toBeNull();
          await stream.closed;
        },
      );
    });

    it("tell both ends when one breaks the stream", async () => {
      let arrived: (stream: RawStream) => void = () => {};
      const atServer = new Promise<RawStream>((resolve) => {
        arrived = resolve;
      });
      await serving(
        (server) => server.addRawBidi(EchoService, "Chat", (stream) => arrived(stream)),
        async (address) => {
          const stream = openRawBidi(address, EchoService, "Chat", { dial: tested.dial });
          stream.onData(() => {});
          stream.write(wire("a"));
          const served = await atServer;
          served.onData(() => {});
          const heard = new Promise<ServiceError | null>((resolve) => served.onEnd(resolve));
          const told = new Promise<ServiceError | null>((resolve) => stream.onEnd(resolve));
          stream.destroy(new ServiceError(Code.ABORTED, "enough"));
          expect((await told)?.message).toBe("enough");
          expect((await heard)?.code).toBe(Code.CANCELLED);
          expect(served.write(wire("b"))).toBe(false);
        },
      );
    });

    it("tell the server of a caller that is gone after it had half-closed", async () => {
      let arrived: (stream: RawStream) => void = () => {};
      const atServer = new Promise<RawStream>((resolve) => {
        arrived = resolve;
      });
      await serving(
        (server) => server.addRawBidi(EchoService, "Chat", (stream) => arrived(stream)),
        async (address) => {
          const stream = openRawBidi(address, EchoService, "Chat", { dial: tested.dial });
          stream.onData(() => {});
          stream.end();
          const served = await atServer;
          served.onData(() => {});
          const broken = new Promise<ServiceError>((resolve) => served.onBreak(resolve));
          await new Promise<void>((resolve) => served.onEnd(() => resolve()));
          stream.destroy(new ServiceError(Code.ABORTED, "enough"));
          expect((await broken).code).toBe(Code.CANCELLED);
        },
      );
    });

    it("tell the client of a failure that the server ends with", async () => {
      await serving(
        (server) => {
          server.addRawBidi(EchoService, "Chat", (stream) =>
            stream.destroy(new ServiceError(Code.UNAVAILABLE, "draining")),
          );
        },
        async (address) => {
          const stream = openRawBidi(address, EchoService, "Chat", { dial: tested.dial });
          stream.onData(() => {});
          const error = await new Promise<ServiceError | null>((resolve) => stream.onEnd(resolve));
          expect(error).toMatchObject({ code: Code.UNAVAILABLE, message: "draining" });
        },
      );
    });
  });
});
