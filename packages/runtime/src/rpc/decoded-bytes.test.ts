import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  DescriptorProtoSchema,
  FieldMaskSchema,
  ListValueSchema,
  SourceCodeInfo_LocationSchema,
  StringValueSchema,
  StructSchema,
  UninterpretedOptionSchema,
  ValueSchema,
} from "@bufbuild/protobuf/wkt";
import { Code, ServiceError } from "../errors";
import { DECODED_BYTES_MAX, decodeMessage } from "./decode-message";
import { decodedBytes } from "./decoded-bytes";

const NO_BOUND = Number.POSITIVE_INFINITY;

function costOf<S extends DescMessage>(schema: S, value: MessageInitShape<S>): number | null {
  return decodedBytes(schema, toBinary(schema, create(schema, value)), NO_BOUND);
}

/** `unit` so many times. */
function repeated(unit: readonly number[], times: number): Buffer {
  const bytes = Buffer.alloc(unit.length * times);
  for (let i = 0; i < times; i += 1) bytes.set(unit, i * unit.length);
  return bytes;
}

describe("decodedBytes", () => {
  it("counts messages, texts in lists, entries of maps and numbers, at any depth", () => {
    expect(costOf(FieldMaskSchema, {})).toBe(512);
    expect(costOf(FieldMaskSchema, { paths: ["a", "b"] })).toBe(512 + 2 * 128);
    expect(costOf(DescriptorProtoSchema, { field: [{ name: "a" }, {}] })).toBe(512 + 2 * 512);
    const inner = { fields: { b: { kind: { case: "boolValue", value: true } } } } as const;
    const outer = { fields: { a: { kind: { case: "structValue", value: inner } } } } as const;
    expect(costOf(StructSchema, outer)).toBe(512 + 256 + 512 + 512 + 256 + 512);
    expect(costOf(SourceCodeInfo_LocationSchema, { path: [1, 2, 3] })).toBe(512 + 3 * 8);
  });

  it("counts numbers that are written as one run where as many as its bytes would be too many", () => {
    const path = repeated([0x80, 0x01], 1_000);
    const bytes = Buffer.concat([Buffer.from([0x0a, 0xd0, 0x0f]), path]);
    expect(decodedBytes(SourceCodeInfo_LocationSchema, bytes, NO_BOUND)).toBe(512 + 2_000 * 8);
    expect(decodedBytes(SourceCodeInfo_LocationSchema, bytes, 512 + 1_000 * 8)).toBe(512 + 1_000 * 8);
  });

  it("counts fields that the schema does not know", () => {
    const unknown = Buffer.from([
      0x78, 0x01, 0x7a, 0x01, 0x00, 0x7d, 0, 0, 0, 0, 0x79, 0, 0, 0, 0, 0, 0, 0, 0,
    ]);
    expect(decodedBytes(StringValueSchema, unknown, NO_BOUND)).toBe(512 + 4 * 256);
    expect(fromBinary(StringValueSchema, unknown).$unknown).toHaveLength(4);
  });

  it("stops beyond the bound, and passes over what it does not have to count", () => {
    const many = repeated([0x0a, 0x00], 10_000_000);
    expect(decodedBytes(ListValueSchema, many, 10_000)).toBe(512 * 20);
    const long = toBinary(StringValueSchema, create(StringValueSchema, { value: "x".repeat(1_000_000) }));
    expect(decodedBytes(StringValueSchema, long, 1_000)).toBe(512);
  });

  it.each([
    ["a length beyond the end", StringValueSchema, [0x0a, 0x05, 0x61]],
    ["a nested message beyond the one around it", ListValueSchema, [0x0a, 0x02, 0x1a, 0x05, 0, 0, 0]],
    ["a text as a number", StringValueSchema, [0x08, 0x01]],
    ["a message as a number", ListValueSchema, [0x08, 0x01]],
    ["a list of texts as fixed numbers", FieldMaskSchema, [0x0d, 0, 0, 0, 0]],
    ["a double as a run", UninterpretedOptionSchema, [0x32, 0x00]],
    ["a group", StringValueSchema, [0x7b, 0x7c]],
    ["the end of a group", StringValueSchema, [0x7c]],
    ["field 0", StringValueSchema, [0x02, 0x00]],
    ["a number that does not end", ValueSchema, [0x20, ...new Array<number>(11).fill(0xff)]],
  ])("finds %s broken", (_, schema, bytes) => {
    expect(decodedBytes(schema, new Uint8Array(bytes), NO_BOUND)).toBeNull();
  });

  it("finds what is nested deeper than protobuf allows broken", () => {
    let deep = Buffer.alloc(0);
    const wrap = (bytes: Buffer, tag: number) => {
      const length = bytes.length < 128 ? [bytes.length] : [(bytes.length % 128) | 0x80, bytes.length >> 7];
      return Buffer.concat([Buffer.from([tag, ...length]), bytes]);
    };
    for (let i = 0; i < 49; i += 1) deep = wrap(wrap(deep, 0x32), 0x0a);
    expect(decodedBytes(ListValueSchema, deep, NO_BOUND)).toBe(99 * 512);
    expect(decodedBytes(ListValueSchema, wrap(wrap(deep, 0x32), 0x0a), NO_BOUND)).toBeNull();
  });
});

describe("decodeMessage", () => {
  it("decodes what stays below the bound", () => {
    const paths = ["a", "b.c"];
    const bytes = toBinary(FieldMaskSchema, create(FieldMaskSchema, { paths }));
    expect(decodeMessage(FieldMaskSchema, bytes)).toMatchObject({ paths });
  });

  it("refuses 64 MiB of empty messages before it makes one of them", () => {
    const bytes = Buffer.alloc(64 * 1024 * 1024, Buffer.from([0x0a, 0x00]));
    const before = process.memoryUsage().heapUsed;
    const refusal = decodeMessage(ListValueSchema, bytes);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(8 * 1024 * 1024);
    expect(refusal).toBeInstanceOf(ServiceError);
    expect(refusal).toMatchObject({
      code: Code.INVALID_ARGUMENT,
      message: expect.stringMatching(
        `google.protobuf.ListValue of 67108864 bytes holds too many values: .* more than the ${DECODED_BYTES_MAX}`,
      ),
    });
  });

  it("refuses half a million fields that the schema does not know before it keeps one of them", () => {
    const bytes = repeated([0xf8, 0x07, 0x01], 500_000);
    expect(decodeMessage(StringValueSchema, bytes)).toMatchObject({ code: Code.INVALID_ARGUMENT });
  });

  it("says of other bytes that they are no such message", () => {
    for (const bytes of [
      [0xff, 0xff],
      [0x0a, 0x02, 0xc3, 0x28],
    ])
      expect(decodeMessage(StringValueSchema, new Uint8Array(bytes))).toMatchObject({
        code: Code.INVALID_ARGUMENT,
        message: "request is not a readable google.protobuf.StringValue",
      });
  });
});
