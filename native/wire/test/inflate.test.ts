import { deflateSync, gzipSync } from "node:zlib";
import { encoding } from "../lib/event-layout";
import { type InflateFault, Inflater } from "../lib/inflate";

const limits = { messageMaxBytes: 90_000, heldMaxBytes: 100_000 };

function inflate(inflater: Inflater, packed: Buffer, how: number): Promise<Buffer | InflateFault> {
  return new Promise((resolve) => {
    inflater.inflate(packed, how, (bytes, fault) => resolve(bytes ?? (fault as InflateFault)));
  });
}

describe("Inflater", () => {
  it.each([
    ["gzip", encoding.gzip, gzipSync],
    ["deflate", encoding.deflate, deflateSync],
  ])("unpacks %s, also nothing", async (_, how, pack) => {
    const inflater = new Inflater(limits);
    for (const bytes of [Buffer.from("some text"), Buffer.alloc(0), Buffer.alloc(90_000, 7)])
      expect(await inflate(inflater, pack(bytes), how)).toEqual(bytes);
  });

  it("refuses what is cut off, and what is something else", async () => {
    const inflater = new Inflater(limits);
    const whole = gzipSync(Buffer.from("some text"));
    for (const packed of [whole.subarray(0, -4), Buffer.from("plain"), Buffer.alloc(0)])
      expect(await inflate(inflater, packed, encoding.gzip)).toMatchObject({ kind: "unreadable" });
  });

  it("refuses a message larger than allowed, and takes the next", async () => {
    const inflater = new Inflater(limits);
    const fault = { kind: "tooLarge", message: "message unpacks to more than 90000 bytes" };
    expect(await inflate(inflater, gzipSync(Buffer.alloc(10_000_000)), encoding.gzip)).toEqual(fault);
    expect(await inflate(inflater, gzipSync(Buffer.alloc(90_000)), encoding.gzip)).toHaveLength(90_000);
  });

  it("bounds what all messages hold together while they are being unpacked", async () => {
    const inflater = new Inflater(limits);
    const packed = gzipSync(Buffer.alloc(80_000));
    const ends = await Promise.all(Array.from({ length: 8 }, () => inflate(inflater, packed, encoding.gzip)));
    expect(ends).toContainEqual(expect.objectContaining({ kind: "tooMuch" }));
    expect(await inflate(inflater, packed, encoding.gzip)).toHaveLength(80_000);
  });
});
