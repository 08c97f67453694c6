import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { decodeBytes, encodeAnswerBody, ModelInferResponseSchema } from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";
import { classified } from "./classification";

const scores = (datatype: string, shape: readonly number[], values: NodeJS.TypedArray) => ({
  name: "scores",
  datatype,
  shape,
  bytes: new Uint8Array(values.buffer),
});

function classesOf(
  tensor: ReturnType<typeof scores>,
  o: { count: number; batched?: boolean; labels?: string[] },
) {
  const body = Buffer.concat(encodeAnswerBody([tensor]));
  const { count, batched = true, labels = [] } = o;
  const made = classified(body, { classes: new Map([["scores", count]]), batched, labels });
  if (made instanceof ServiceError) return made;
  const { outputs, rawOutputContents } = fromBinary(ModelInferResponseSchema, made);
  const elements = decodeBytes(rawOutputContents[0] ?? new Uint8Array());
  const texts = elements.ok ? elements.value.map((element) => Buffer.from(element).toString()) : [];
  return { datatype: outputs[0]?.datatype, shape: outputs[0]?.shape, texts };
}

describe("classified", () => {
  it("gives the best classes of each row, with their labels", () => {
    const values = Float32Array.of(0.25, 1, -2, 3.5, 0, 7);
    expect(classesOf(scores("FP32", [2, 3], values), { count: 2, labels: ["a", "b", "c"] })).toEqual({
      datatype: "BYTES",
      shape: [2n, 2n],
      texts: ["1.000000:1:b", "0.250000:0:a", "7.000000:2:c", "3.500000:0:a"],
    });
  });

  it("gives no more classes than there are, and none a label that fit other classes", () => {
    const values = BigInt64Array.of(5n, 9n);
    expect(classesOf(scores("INT64", [1, 2], values), { count: 8, labels: ["a"] })).toEqual({
      datatype: "BYTES",
      shape: [1n, 2n],
      texts: ["9:1", "5:0"],
    });
  });

  it("takes a model without a batch axis as one row", () => {
    expect(
      classesOf(scores("UINT8", [3], Uint8Array.of(4, 9, 9)), { count: 2, batched: false }),
    ).toMatchObject({
      shape: [2n],
      texts: ["9:1", "9:2"],
    });
  });

  it("puts NaN last", () => {
    const values = Float64Array.of(Number.NaN, -1);
    expect(classesOf(scores("FP64", [1, 2], values), { count: 1 })).toMatchObject({ texts: ["-1.000000:1"] });
  });

  it.each(["BYTES", "BOOL", "FP16"])("refuses an output of %s", (datatype) => {
    const refused = classesOf(scores(datatype, [1, 0], new Uint8Array()), { count: 1 });
    expect(refused).toMatchObject({
      code: Code.INVALID_ARGUMENT,
      message: `class result not available for output 'scores' due to unsupported type '${datatype}'`,
    });
  });

  it("leaves other outputs as they are", () => {
    const other = { ...scores("FP32", [1, 1], Float32Array.of(1)), name: "other" };
    const body = Buffer.concat(encodeAnswerBody([other]));
    const made = classified(body, { classes: new Map([["scores", 1]]), batched: true, labels: [] });
    const whole = toBinary(
      ModelInferResponseSchema,
      create(ModelInferResponseSchema, fromBinary(ModelInferResponseSchema, body)),
    );
    expect(made).toEqual(whole);
  });
});
