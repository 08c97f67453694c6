import { createServer, get, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { seededRandom } from "@infaas/runtime";
import { sendReply } from "./send-reply";

const random = seededRandom(9);
/** Values of a model, which hardly become smaller. */
const numbers = (count: number) =>
  Buffer.from(Float32Array.from({ length: count }, () => random.next()).buffer);

describe("sendReply", () => {
  let server: Server;
  let parts: readonly Uint8Array[] = [];
  beforeAll(async () => {
    const reply = () => ({ status: 200, headers: {}, parts, compressible: true }) as const;
    server = createServer((request, response) => void sendReply(request, response, reply()));
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  });
  afterAll(() => server.close());

  function ask(): Promise<{ encoding: string | undefined; body: Buffer }> {
    const { port } = server.address() as AddressInfo;
    return new Promise((resolve) => {
      get(
        { port, host: "127.0.0.1", headers: { "accept-encoding": "gzip" } },
        (response: IncomingMessage) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk) => chunks.push(chunk));
          response.on("end", () =>
            resolve({ encoding: response.headers["content-encoding"], body: Buffer.concat(chunks) }),
          );
        },
      );
    });
  }

  it.each([
    ["small", [numbers(2_000)]],
    ["large and alike", [Buffer.from("head"), Buffer.alloc(400_000, "[0.25,0.75],")]],
  ])("compresses what is %s", async (_, body) => {
    parts = body;
    const answer = await ask();
    expect(answer.encoding).toBe("gzip");
    expect(gunzipSync(answer.body).equals(Buffer.concat(body))).toBe(true);
  });

  it("gives large numbers of floating point as they are, whatever stands before them", async () => {
    parts = [Buffer.alloc(20_000, " "), numbers(100_000)];
    const answer = await ask();
    expect(answer.encoding).toBeUndefined();
    expect(answer.body.equals(Buffer.concat(parts))).toBe(true);
  });
});
