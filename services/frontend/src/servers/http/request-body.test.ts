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
  it.each([
    ["announced", 3_000_000],
    ["not announced", undefined],
    ["announced as less than comes", 10],
  ])("puts a body together as it came: %s", async (_, announced) => {
    const sizes = [1, 65_536, 0, 900_000, 7, 2_000_000, 34_456];
    const chunks = sizes.map((size, i) => Buffer.alloc(size, i + 1));
    const headers = announced === undefined ? {} : { "content-length": String(announced) };
    const request = Object.assign(Readable.from(chunks), { headers }) as unknown as IncomingMessage;
    const budget = new ByteBudget(3_000_000);
    const body = await receiveBody(request, budget);
    expect(body.bytes.equals(Buffer.concat(chunks))).toBe(true);
    expect(budget.held).toBe(3_000_000);
    body.release();
    expect(budget.held).toBe(0);
  });

  it("lets others have their turn while a large one comes", async () => {
    const chunks = Array.from({ length: 40 }, (_, i) => Buffer.alloc(64 * 1024, i));
    const request = Object.assign(Readable.from(chunks), { headers: {} }) as unknown as IncomingMessage;
    let turns = 0;
    let over = false;
    const turn = () => {
      turns++;
      if (!over) setImmediate(turn);
    };
    setImmediate(turn);
    const body = await receiveBody(request, new ByteBudget(chunks.length * 64 * 1024));
    over = true;
    expect(body.bytes.equals(Buffer.concat(chunks))).toBe(true);
    expect(turns).toBeGreaterThanOrEqual(9);
  });

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
