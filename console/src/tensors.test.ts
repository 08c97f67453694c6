import { create } from "@bufbuild/protobuf";
import { type Task, TaskSchema, type TensorSpec, TensorSpecSchema } from "@infaas/api/messages";
import { imageRow, numbersRow, scoresOf, sharesOf, textRow } from "./tensors";

const spec = (datatype: string, shape: number[]): TensorSpec =>
  create(TensorSpecSchema, { name: "x", datatype, shape: shape.map(BigInt) });
const picture = (image: NonNullable<Parameters<typeof create<typeof TaskSchema>>[1]>["image"]): Task =>
  create(TaskSchema, { name: "t", ...(image === undefined ? {} : { image }) });
const floats = (bytes: Uint8Array) => [...new Float32Array(bytes.buffer)];
/** Two pixels: red and white. */
const rgba = Uint8ClampedArray.of(255, 0, 0, 255, 255, 255, 255, 255);

describe("imageRow", () => {
  const hint = { width: 2, height: 1, scale: 1 / 255, offset: 0 };

  it("weighs colours for a grey picture, and scales", () => {
    const row = imageRow(
      picture({ ...hint, channels: 1, layout: "NCHW" }),
      spec("FP32", [-1, 1, 1, 2]),
      rgba,
    );
    expect(row.shape).toEqual([1n, 1n, 1n, 2n]);
    expect(floats(row.bytes)).toEqual([expect.closeTo(0.299, 5), expect.closeTo(1, 5)]);
  });

  it.each([
    ["NCHW", [1, 1, 0, 1, 0, 1]],
    ["NHWC", [1, 0, 0, 1, 1, 1]],
  ])("writes colours as %s", (layout, values) => {
    const row = imageRow(picture({ ...hint, channels: 3, layout }), spec("FP32", [-1, 3, 1, 2]), rgba);
    expect(floats(row.bytes)).toEqual(values);
  });
});

describe("textRow", () => {
  it("numbers characters from 1, fills with 0 and cuts", () => {
    const task = create(TaskSchema, { name: "t", text: { length: 4, alphabet: "ab", unknownId: 9 } });
    const ids = (text: string) => [
      ...new BigInt64Array(textRow(task, spec("INT64", [-1, 4]), text).bytes.buffer),
    ];
    expect(ids("bax")).toEqual([2n, 1n, 9n, 0n]);
    expect(ids("aaaaab")).toEqual([1n, 1n, 1n, 1n]);
  });
});

describe("numbersRow", () => {
  it("takes commas, blanks and brackets, and gives a free axis what is left", () => {
    const row = numbersRow(spec("INT32", [-1, -1, 2]), "[1, 2]\n3 4 5 6");
    expect(row?.shape).toEqual([1n, 3n, 2n]);
    expect([...new Int32Array(row?.bytes.buffer ?? new ArrayBuffer(0))]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("is null where a word is no number, and says which datatypes it cannot write", () => {
    expect(numbersRow(spec("FP32", [-1, 2]), "1 two")).toBeNull();
    expect(() => numbersRow(spec("BF16", [-1, 2]), "1 2")).toThrow("this page writes no BF16");
  });
});

describe("scores", () => {
  it("are read from FP32 alone, wherever their bytes begin", () => {
    const bytes = new Uint8Array(9);
    new DataView(bytes.buffer).setFloat32(1, 2.5, true);
    expect(scoresOf("FP32", bytes.subarray(1))).toEqual([2.5, 0]);
    expect(scoresOf("INT64", bytes.subarray(1))).toBeNull();
  });

  it("become shares by softmax, unless they are shares", () => {
    expect(sharesOf([1000, 1000])).toEqual([0.5, 0.5]);
    expect(sharesOf([0.25, 0.75])).toEqual([0.25, 0.75]);
  });
});
