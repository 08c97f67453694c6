import { create } from "@bufbuild/protobuf";
import { sizeDelimitedEncode } from "@bufbuild/protobuf/wire";
import { seededRandom } from "@infaas/runtime";
import { QueryRequestSchema } from "../gen/infaas/v1/inference_pb";
import { DelimitedReader, delimited } from "./delimited";

const random = seededRandom(3);
const messages = [0, 1, 127, 128, 5_000, 70_000].map((size) =>
  Uint8Array.from({ length: size }, () => random.next() * 256),
);
const file = Buffer.concat(messages.map(delimited));

/** All messages of the file, pushed in pieces of so many bytes. */
function read(pieceBytes: number) {
  const reader = new DelimitedReader(70_000);
  const found = [];
  for (let at = 0; at < file.length; at += pieceBytes) {
    const pushed = reader.push(file.subarray(at, at + pieceBytes));
    if (!pushed.ok) throw new Error(pushed.fault);
    found.push(...pushed.value);
  }
  return { found, isWithin: reader.isWithin };
}

describe("DelimitedReader", () => {
  it.each([1, 2, 3, 129, 4_096, 1e6])("finds every message in pieces of %i bytes", (pieceBytes) => {
    const { found, isWithin } = read(pieceBytes);
    expect(found.map(({ bytes }) => Buffer.from(bytes).toString("hex"))).toEqual(
      messages.map((bytes) => Buffer.from(bytes).toString("hex")),
    );
    expect([found.at(-1)?.end, isWithin]).toEqual([file.length, false]);
  });

  it("goes on from where a message ended", () => {
    const { found } = read(1e6);
    const start = found[3]!.end;
    const pushed = new DelimitedReader(70_000, start).push(file.subarray(start));
    expect(pushed.ok && pushed.value.map(({ end }) => end)).toEqual(found.slice(4).map(({ end }) => end));
  });

  it("reads what protobuf's library writes", () => {
    const message = create(QueryRequestSchema, { id: "row" });
    expect(delimited(new Uint8Array([0x2a, 3, 114, 111, 119]))).toEqual(
      sizeDelimitedEncode(QueryRequestSchema, message),
    );
  });

  it.each<[string, number[], string]>([
    ["a length beyond the limit", [0xff, 0xff, 0x03], "has 65535 bytes, at most 100"],
    ["a length that does not end", [0xff, 0xff, 0xff, 0xff, 0xff, 1], "byte 0 begins no length"],
  ])("refuses %s before it is there", (_, bytes, fault) => {
    expect(new DelimitedReader(100).push(Uint8Array.from(bytes))).toEqual({
      ok: false,
      fault: expect.stringContaining(fault),
    });
  });

  it("says that a file ends within a message", () => {
    const reader = new DelimitedReader(100);
    reader.push(Uint8Array.of(2, 1));
    expect(reader.isWithin).toBe(true);
  });
});
