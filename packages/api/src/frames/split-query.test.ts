import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { QueryRequestSchema } from "../gen/infaas/v1/inference_pb";
import { ModelInferRequestSchema } from "../gen/inference/grpc_service_pb";
import { QUERY_FIELDS_MAX, type SplitQuery, splitQuery } from "./split-query";

const asked = { target: "digits", id: "q-1", explain: true, slo: { latencyMs: 5 } };
const tensors = {
  inputs: [
    { name: "a", datatype: "FP32", shape: [1n, 2n], contents: { fp32Contents: [1, 2] } },
    { name: "b", datatype: "INT64", shape: [1n] },
  ],
  rawInputContents: [new Uint8Array(300).fill(7), new Uint8Array(0)],
};

const largeMin = 200;

function partsOf(bytes: Uint8Array, min = Number.POSITIVE_INFINITY): SplitQuery {
  const split = splitQuery(bytes, min);
  if (typeof split === "string") throw new Error(split);
  return split;
}

describe("splitQuery", () => {
  it("parts what is asked from its tensors, whatever the order of fields", () => {
    const one = toBinary(QueryRequestSchema, create(QueryRequestSchema, asked));
    const two = toBinary(QueryRequestSchema, create(QueryRequestSchema, tensors));
    for (const bytes of [Buffer.concat([one, two]), Buffer.concat([two, one])]) {
      const split = partsOf(bytes);
      expect(fromBinary(QueryRequestSchema, split.head)).toEqual(create(QueryRequestSchema, asked));
      const { skeleton, parts } = split.tensors;
      expect(fromBinary(ModelInferRequestSchema, skeleton)).toEqual(create(ModelInferRequestSchema, tensors));
      expect(parts).toEqual([skeleton]);
    }
  });

  it("leaves large contents where they are, in order among the others", () => {
    const [a, b, c, d] = [250, 3, 199, 900].map((length, i) => new Uint8Array(length).fill(i + 1));
    const rawInputContents = [a!, b!, c!, d!, b!];
    const message = create(QueryRequestSchema, { ...asked, inputs: tensors.inputs, rawInputContents });
    const bytes = toBinary(QueryRequestSchema, message);
    const { head, tensors: split } = partsOf(bytes, largeMin);
    expect(fromBinary(QueryRequestSchema, head)).toEqual(create(QueryRequestSchema, asked));
    const { inputs } = tensors;
    expect(fromBinary(ModelInferRequestSchema, new Uint8Array(Buffer.concat(split.parts)))).toEqual(
      create(ModelInferRequestSchema, { inputs, rawInputContents }),
    );
    expect(fromBinary(ModelInferRequestSchema, new Uint8Array(split.skeleton))).toEqual(
      create(ModelInferRequestSchema, { inputs, rawInputContents: [b!, c!, b!] }),
    );
    const large = split.parts.filter(({ byteLength }) => byteLength >= 250);
    expect(large.map(({ buffer }) => buffer)).toEqual([bytes.buffer, bytes.buffer]);
  });

  it("leaves large typed contents where they are, and describes their input without elements", () => {
    const few = { name: "a", datatype: "FP32", shape: [1n, 2n], contents: { fp32Contents: [1, 2] } };
    const many = { name: "b", datatype: "FP32", shape: [1n, 300n] };
    const fp32Contents = Array.from({ length: 300 }, (_, i) => i);
    const inputs = [few, { ...many, contents: { fp32Contents } }, few];
    const bytes = toBinary(QueryRequestSchema, create(QueryRequestSchema, { ...asked, inputs }));
    const { head, tensors: split } = partsOf(bytes, largeMin);
    expect(fromBinary(QueryRequestSchema, head)).toEqual(create(QueryRequestSchema, asked));
    expect(fromBinary(ModelInferRequestSchema, new Uint8Array(Buffer.concat(split.parts)))).toEqual(
      create(ModelInferRequestSchema, { inputs }),
    );
    expect(fromBinary(ModelInferRequestSchema, new Uint8Array(split.skeleton))).toEqual(
      create(ModelInferRequestSchema, { inputs: [few, { ...many, contents: {} }, few] }),
    );
    const large = split.parts.filter(({ byteLength }) => byteLength >= 1_200);
    expect(large.map(({ buffer }) => buffer)).toEqual([bytes.buffer]);
  });

  it.each([
    ["an input that is broken", [0x0a, 0x05, 0x61]],
    ["typed contents in two parts", [0x2a, 0x01, 0x00, 0x2a, 0x01, 0x00]],
    ["typed contents among many fields", [...new Array<number>(2 * 64).fill(0x30), 0x2a, 0x01, 0x00]],
  ])("copies %s as it came", (_, input) => {
    const length = [input.length | 0x80, input.length >> 7];
    const bytes = new Uint8Array([0x1a, ...length, ...input]);
    expect(partsOf(bytes, 1).tensors.parts).toEqual([Buffer.from([0x2a, ...length, ...input])]);
  });

  it("knows a tensor's field by a tag of more bytes than it needs", () => {
    const split = partsOf(new Uint8Array([0x9a, 0x00, 0x03, 0x0a, 0x01, 0x61]));
    expect(fromBinary(ModelInferRequestSchema, split.tensors.skeleton).inputs).toMatchObject([{ name: "a" }]);
    expect(split.head).toHaveLength(0);
  });

  it.each([
    ["a length beyond the end", [0x1a, 0x05, 0x00]],
    ["a tag that does not end", [0x9a]],
    ["a number that does not end", [0x30, ...new Array<number>(11).fill(0xff)]],
    ["field 0", [0x02, 0x00]],
    ["a group", [0x3b, 0x3c]],
    ["a fixed number cut short", [0x3d, 0x00]],
  ])("finds %s broken", (_, bytes) => expect(splitQuery(new Uint8Array(bytes), largeMin)).toBe("broken"));

  it("takes no more fields than a query may have", () => {
    const fields = (count: number) => Buffer.alloc(2 * count, Buffer.from([0x22, 0x00]));
    expect(partsOf(fields(QUERY_FIELDS_MAX)).tensors.skeleton).toHaveLength(2 * QUERY_FIELDS_MAX);
    expect(splitQuery(fields(QUERY_FIELDS_MAX + 1), largeMin)).toBe("too many fields");
  });
});
