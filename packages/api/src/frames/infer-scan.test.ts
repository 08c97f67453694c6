import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import {
  type InferParameter,
  type ModelInferRequest,
  ModelInferRequestSchema,
} from "../gen/inference/grpc_service_pb";
import { type InferHead, type ParameterValue, scanInferRequest } from "./infer-scan";

/** What the whole decoder says, in the form of the scan; null = the scan may decline. */
function headOf(m: ModelInferRequest): Omit<InferHead, "rawInputs"> {
  const plainValue = (p: InferParameter): ParameterValue => {
    const { value } = p.parameterChoice;
    return typeof value === "bigint" && value <= Number.MAX_SAFE_INTEGER ? Number(value) : (value ?? "");
  };
  return {
    modelName: m.modelName,
    modelVersion: m.modelVersion,
    id: m.id,
    parameters: new Map(Object.entries(m.parameters).map(([key, p]) => [key, plainValue(p)])),
    inputs: m.inputs.map((i) => ({
      name: i.name,
      datatype: i.datatype,
      shape: i.shape.map(Number),
      contents: i.contents !== undefined,
    })),
    requestedOutputs: m.outputs.map((o) => o.name),
  };
}

const ascii = fc.string({ maxLength: 60, unit: "binary-ascii" });
const parameter = fc.oneof(
  fc.record({ case: fc.constant("boolParam" as const), value: fc.boolean() }),
  fc.record({ case: fc.constant("int64Param" as const), value: fc.bigInt(0n, 1n << 52n) }),
  fc.record({ case: fc.constant("stringParam" as const), value: ascii }),
  fc.record({ case: fc.constant("doubleParam" as const), value: fc.double({ noNaN: true }) }),
);
const request: fc.Arbitrary<MessageInitShape<typeof ModelInferRequestSchema>> = fc.record({
  modelName: ascii,
  modelVersion: ascii,
  id: ascii,
  parameters: fc.dictionary(
    ascii.filter((key) => key !== "__proto__"),
    parameter.map((parameterChoice) => ({ parameterChoice })),
    { maxKeys: 5 },
  ),
  inputs: fc.array(
    fc.record({ name: ascii, datatype: ascii, shape: fc.array(fc.bigInt(0n, 1n << 40n), { maxLength: 5 }) }),
    { maxLength: 4 },
  ),
  outputs: fc.array(fc.record({ name: ascii }), { maxLength: 3 }),
  rawInputContents: fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 4 }),
});

/** The top-level fields of a message, each with its tag, so that they can be put in another order. */
function fieldsOf(bytes: Uint8Array): Uint8Array[] {
  const fields: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    const start = at;
    at += 1;
    let length = 0;
    let shift = 0;
    let byte = 0x80;
    while (byte >= 0x80) {
      byte = bytes[at]!;
      at += 1;
      length += (byte & 0x7f) * 2 ** shift;
      shift += 7;
    }
    at += length;
    fields.push(bytes.subarray(start, at));
  }
  return fields;
}

describe("scanInferRequest", () => {
  it("reads what the whole decoder reads, whatever the order of fields", () => {
    fc.assert(
      fc.property(request, fc.infiniteStream(fc.nat()), (init, keys) => {
        const plain = toBinary(ModelInferRequestSchema, create(ModelInferRequestSchema, init));
        const order = fieldsOf(plain).map((field) => ({ field, key: keys.next().value ?? 0 }));
        const bytes = Buffer.concat(order.sort((a, b) => a.key - b.key).map(({ field }) => field));
        const whole = fromBinary(ModelInferRequestSchema, bytes);
        const scan = scanInferRequest(bytes);
        if (!scan.ok) throw new Error("declined an ordinary message");
        const { rawInputs, ...head } = scan.head;
        expect(head).toEqual(headOf(whole));
        expect(rawInputs.map((r) => bytes.subarray(r.offset, r.offset + r.length))).toEqual(
          whole.rawInputContents.map((raw) => Buffer.from(raw)),
        );
      }),
      { numRuns: 500, seed: 42 },
    );
  });

  it("never reads out of a broken message what the whole decoder would not", () => {
    fc.assert(
      fc.property(request, fc.nat(), fc.integer({ min: 0, max: 255 }), (init, at, byte) => {
        const bytes = toBinary(ModelInferRequestSchema, create(ModelInferRequestSchema, init));
        if (bytes.length > 0) bytes[at % bytes.length] = byte;
        const scan = scanInferRequest(bytes);
        // Typed contents are passed over here; whether they can be read is found where they are.
        if (!scan.ok || scan.head.inputs.some((input) => input.contents)) return;
        const { rawInputs, ...head } = scan.head;
        const whole = fromBinary(ModelInferRequestSchema, bytes);
        expect(head).toEqual(headOf(whole));
        expect(rawInputs.map((r) => r.length)).toEqual(whole.rawInputContents.map((raw) => raw.length));
      }),
      { numRuns: 2_000, seed: 43 },
    );
  });

  it("never throws, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        scanInferRequest(bytes);
      }),
      { numRuns: 5_000, seed: 44 },
    );
  });

  it("declines an integer of more bytes than protobuf allows", () => {
    const name = (lengthBytes: number) => Buffer.from(`0a${"80".repeat(lengthBytes - 1)}00`, "hex");
    expect([10, 11, 150].map((bytes) => scanInferRequest(name(bytes)).ok)).toEqual([true, false, false]);
  });

  it("marks an input that carries typed contents", () => {
    const bytes = toBinary(
      ModelInferRequestSchema,
      create(ModelInferRequestSchema, { inputs: [{ name: "x", contents: { fp32Contents: [1, 2] } }] }),
    );
    expect(scanInferRequest(bytes)).toMatchObject({
      ok: true,
      head: { inputs: [{ name: "x", contents: true }] },
    });
  });

  it("reads the one parameter that may be a uint64, whatever came before it", () => {
    const init: MessageInitShape<typeof ModelInferRequestSchema> = {
      parameters: {
        priority: { parameterChoice: { case: "uint64Param", value: 2n } },
        other: { parameterChoice: { case: "int64Param", value: 3n } },
      },
    };
    const bytes = toBinary(ModelInferRequestSchema, create(ModelInferRequestSchema, init));
    const scan = scanInferRequest(bytes);
    expect(scan.ok && [...scan.head.parameters]).toEqual([
      ["priority", 2],
      ["other", 3],
    ]);
  });

  it("skips unknown fields of every wire type", () => {
    const writer = new BinaryWriter();
    writer.tag(90, WireType.Varint).uint64((1n << 64n) - 1n);
    writer.tag(91, WireType.Bit64).double(1);
    writer.tag(92, WireType.LengthDelimited).string("unknown");
    writer.tag(93, WireType.Bit32).float(1);
    writer.tag(1, WireType.LengthDelimited).string("m");
    expect(scanInferRequest(writer.finish())).toMatchObject({ ok: true, head: { modelName: "m" } });
  });

  it.each([
    ["inputs", [0x2a, 0x00]],
    ["requested outputs", [0x32, 0x00]],
    ["raw contents", [0x3a, 0x00]],
    ["unknown fields", [0x7a, 0x00]],
  ])("declines more %s than a request may have, before it made more", (_, field) => {
    const most = Buffer.alloc(2 * 16_384, Buffer.from(field));
    expect(scanInferRequest(most).ok).toBe(true);
    expect(scanInferRequest(Buffer.concat([most, Buffer.from(field)])).ok).toBe(false);
  });

  describe("when the message is rare", () => {
    it.each<[string, MessageInitShape<typeof ModelInferRequestSchema>]>([
      ["a name beyond ASCII", { modelName: "modèle" }],
      ["a negative dimension", { inputs: [{ name: "x", shape: [-1n] }] }],
      [
        "a negative parameter",
        { parameters: { p: { parameterChoice: { case: "int64Param", value: -5n } } } },
      ],
      ["a parameter without a value", { parameters: { p: {} } }],
      [
        "a timeout in text",
        { parameters: { timeout: { parameterChoice: { case: "stringParam", value: "5" } } } },
      ],
      [
        "a double as priority",
        { parameters: { priority: { parameterChoice: { case: "doubleParam", value: 1 } } } },
      ],
      ["a uint64 of its own", { parameters: { p: { parameterChoice: { case: "uint64Param", value: 5n } } } }],
      [
        "an input in shared memory",
        {
          inputs: [
            {
              name: "x",
              parameters: { shared_memory_region: { parameterChoice: { case: "stringParam", value: "r" } } },
            },
          ],
        },
      ],
    ])("leaves %s to the whole decoder", (_name, init) => {
      const bytes = toBinary(ModelInferRequestSchema, create(ModelInferRequestSchema, init));
      expect(scanInferRequest(bytes)).toEqual({ ok: false });
    });
  });
});
