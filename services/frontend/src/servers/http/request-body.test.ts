import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { Code } from "@infaas/runtime";
import { ByteBudget } from "./byte-budget";
import { receiveBody } from "./request-body";

function packedRequest(bytes: number): IncomingMessage {
  const packed = gzipSync(Buffer.alloc(bytes));
  return Object.assign(Readable.from([packed]), {
    headers: { "content-encoding": "gzip" },
  }) as unknown as IncomingMessage;
}

describe("receiveBody", () => {
  it("counts what a body unpacks to while it does, and gives it back", async () => {
    const budget = new ByteBudget(100_000);
    const body = await receiveBody(packedRequest(80_000), budget);
    expect(body.bytes).toHaveLength(80_000);
    expect(budget.take(30_000)).toBe(false);
    body.release();
    expect(budget.take(100_000)).toBe(true);
  });

  it("refuses bodies that unpack to more than all may hold together, and holds nothing of them", async () => {
    const budget = new ByteBudget(100_000);
    const bodies = Array.from({ length: 4 }, () => receiveBody(packedRequest(10_000_000), budget));
    for (const { status, ...end } of await Promise.allSettled(bodies)) {
      expect(status).toBe("rejected");
      expect(end).toMatchObject({ reason: { code: Code.RESOURCE_EXHAUSTED } });
    }
    expect(budget.take(100_000)).toBe(true);
  });
});
