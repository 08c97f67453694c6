import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import {
  AttributeProtoSchema,
  decodeBytes,
  encodeBytes,
  TensorProtoSchema,
  type TypedContents,
} from "@infaas/api";
import { constantTensor, createNode } from "@infaas/onnx";
import {
  ElementTypes,
  type FixtureTensor,
  graphFile,
  intsAttribute,
} from "@infaas/onnx/testing/graph-models";
import { Code, Lifecycle } from "@infaas/runtime";
import type { VariantSpec } from "../instances/variant-spec";
import { type Refused, serveModel } from "../testing/serve-model";
import { transports } from "../testing/served-on-links";

/** How a variant that cannot be batched is recorded. */
const alone = { maxBatch: 1, unbatched: true };

/**
 * Real models of every kind, from the bytes of a ModelInferRequest to those of its answer, over both kinds of
 * link.
 */
describe.each(transports)("any model (%s)", (transport) => {
  let folder = "";
  let life = new Lifecycle();
  beforeEach(async () => {
    life = new Lifecycle();
    folder = await mkdtemp(join(tmpdir(), "any-model-"));
  });
  afterEach(async () => {
    await life.stop();
    await rm(folder, { recursive: true });
  });

  /** Serves one model; returns how to ask it. */
  const serve = (file: Uint8Array, more: Partial<VariantSpec> = {}) =>
    serveModel(life, { transport, folder, file, more });

  const passes = (datatype: FixtureTensor["datatype"], dims: FixtureTensor["dims"]) =>
    graphFile({
      nodes: [createNode("Identity", { inputs: ["x"], outputs: ["y"] })],
      inputs: [{ name: "x", datatype, dims }],
      outputs: [{ name: "y", datatype, dims }],
    });

  const typed: Readonly<Record<string, TypedContents>> = {
    BOOL: { boolContents: [true, false] },
    INT8: { intContents: [-1, 2] },
    INT16: { intContents: [-1, 2] },
    INT32: { intContents: [-1, 2] },
    INT64: { int64Contents: [-1n, 2n] },
    UINT8: { uintContents: [1, 255] },
    UINT16: { uintContents: [1, 2] },
    UINT32: { uintContents: [1, 2] },
    UINT64: { uint64Contents: [1n, 2n] },
    FP32: { fp32Contents: [0.5, -2] },
    FP64: { fp64Contents: [0.5, -2] },
    BYTES: { bytesContents: [Buffer.from("a"), Buffer.from("")] },
  };

  it.each(Object.keys(ElementTypes) as (keyof typeof ElementTypes)[])(
    "takes %s raw, and typed where the protocol has a typed form",
    async (datatype) => {
      const ask = await serve(passes(datatype, ["N", 2]), datatype === "BYTES" ? alone : {});
      const sizes: Record<string, number> = { FP32: 4, INT32: 4, UINT32: 4, INT8: 1, UINT8: 1, BOOL: 1 };
      const size = sizes[datatype] ?? (datatype.endsWith("64") ? 8 : 2);
      const raw =
        datatype === "BYTES"
          ? Buffer.from(encodeBytes([Buffer.from("\0"), Buffer.from("é")]))
          : Buffer.from(Uint8Array.from({ length: 2 * size }, (_, i) => i % 2));
      const input = { name: "x", datatype, shape: [1n, 2n] };
      const answered = await ask({ inputs: [input], rawInputContents: [raw] });
      expect(answered.outputs).toEqual([["y", datatype, [1, 2], raw]]);
      if (datatype === "FP16" || datatype === "BF16") {
        await expect(ask({ inputs: [{ ...input, contents: { fp32Contents: [1, 2] } }] })).rejects.toThrow(
          `input x: datatype ${datatype} has no typed contents`,
        );
        return;
      }
      const again = await ask({ inputs: [{ ...input, contents: typed[datatype] ?? {} }] });
      expect(again.outputs[0]?.slice(0, 3)).toEqual(["y", datatype, [1, 2]]);
      const back = await ask({ inputs: [input], rawInputContents: [again.outputs[0]![3]] });
      expect(back).toEqual(again);
    },
  );

  it("refuses raw and typed contents together, wrong sizes, and strings too few, naming the input and both", async () => {
    const ask = await serve(passes("BYTES", ["N"]), alone);
    const input = { name: "x", datatype: "BYTES", shape: [2n] };
    const raw = Buffer.from(encodeBytes([Buffer.from("one")]));
    await expect(
      ask({ inputs: [{ ...input, contents: { bytesContents: [raw] } }], rawInputContents: [raw] }),
    ).rejects.toMatchObject({
      code: Code.INVALID_ARGUMENT,
      message: "input x has typed contents and 1 raw contents were sent, a request takes one or the other",
    });
    await expect(ask({ inputs: [input], rawInputContents: [raw] })).rejects.toMatchObject({
      code: Code.INVALID_ARGUMENT,
      message: "input x: 1 elements were sent, shape [2] of BYTES takes 2",
    });
    await expect(
      ask({ inputs: [{ ...input, datatype: "FP32" }], rawInputContents: [raw] }),
    ).rejects.toMatchObject({ message: "input x: datatype is FP32, the model takes BYTES" });
  });

  it.each([0, 9, 10_000])("answers %i rows as one, whatever the largest batch is", async (rows) => {
    const ask = await serve(passes("FP32", ["N", "length"]));
    const raw = Buffer.from(Float32Array.from({ length: rows * 3 }, (_, i) => i).buffer);
    const input = { name: "x", datatype: "FP32", shape: [BigInt(rows), 3n] };
    const { outputs } = await ask({ inputs: [input], rawInputContents: [raw] });
    expect(outputs.map(([name, datatype, shape]) => [name, datatype, shape])).toEqual([
      ["y", "FP32", [rows, 3]],
    ]);
    expect(outputs[0]?.[3].equals(raw)).toBe(true);
  });

  it("answers what came out where the file declares another size", async () => {
    const ask = await serve(
      graphFile({
        nodes: [createNode("NonZero", { inputs: ["x"], outputs: ["y"] })],
        inputs: [{ name: "x", datatype: "FP32", dims: [2, 2] }],
        outputs: [{ name: "y", datatype: "INT64", dims: [2, 3] }],
      }),
      alone,
    );
    const of = async (...values: number[]) => {
      const raw = Buffer.from(Float32Array.from(values).buffer);
      const input = { name: "x", datatype: "FP32", shape: [2n, 2n] };
      return (await ask({ inputs: [input], rawInputContents: [raw] })).outputs[0]?.[2];
    };
    expect([await of(1, 0, 1, 1), await of(0, 0, 0, 1), await of(0, 0, 0, 0)]).toEqual([
      [2, 3],
      [2, 1],
      [2, 0],
    ]);
  });

  it("answers a model without inputs", async () => {
    const value = create(TensorProtoSchema, { dims: [2n], dataType: 1, floatData: [4, 5] });
    const node = createNode("Constant", { inputs: [], outputs: ["y"] });
    node.attribute = [create(AttributeProtoSchema, { name: "value", type: 4, t: value })];
    const outputs = [{ name: "y", datatype: "FP32", dims: [2] }] as const;
    const ask = await serve(graphFile({ nodes: [node], inputs: [], outputs }), alone);
    const raw = Buffer.from(Float32Array.of(4, 5).buffer);
    expect(await ask({})).toEqual({ outputs: [["y", "FP32", [2], raw]] });
  });

  it("answers tensors of ten axes", async () => {
    const shape = [2, 1, 1, 1, 1, 1, 1, 1, 1, 3];
    const ask = await serve(passes("FP32", ["N", ...shape.slice(1)]));
    const raw = Buffer.from(Float32Array.of(1, 2, 3, 4, 5, 6).buffer);
    const input = { name: "x", datatype: "FP32", shape: shape.map(BigInt) };
    expect(await ask({ inputs: [input], rawInputContents: [raw] })).toEqual({
      outputs: [["y", "FP32", shape, raw]],
    });
  });

  it("refuses a truth value that is neither, and answers the next request", async () => {
    const ask = await serve(passes("BOOL", ["N", 2]));
    const input = { name: "x", datatype: "BOOL", shape: [1n, 2n] };
    await expect(ask({ inputs: [input], rawInputContents: [Buffer.from([1, 2])] })).rejects.toMatchObject({
      code: Code.INVALID_ARGUMENT,
      message: "input x: element 1 is 2, BOOL takes 0 and 1",
    });
    const { outputs } = await ask({ inputs: [input], rawInputContents: [Buffer.from([1, 0])] });
    expect(outputs[0]?.[3]).toEqual(Buffer.from([1, 0]));
  });

  it("takes and gives scalars, and a state that goes in and out", async () => {
    const scalar = { datatype: "INT64", dims: [] } as const;
    const ask = await serve(
      graphFile({
        nodes: [
          createNode("Add", { inputs: ["x", "state"], outputs: ["next"] }),
          createNode("Mul", { inputs: ["x", "next"], outputs: ["y"] }),
        ],
        inputs: [
          { name: "x", ...scalar },
          { name: "state", ...scalar },
        ],
        outputs: [
          { name: "y", ...scalar },
          { name: "next", ...scalar },
        ],
      }),
      alone,
    );
    let state = Buffer.from(BigInt64Array.of(0n).buffer);
    const results: bigint[] = [];
    for (const x of [1n, 2n, 3n]) {
      const { outputs } = await ask({
        inputs: [
          { name: "state", datatype: "INT64" },
          { name: "x", datatype: "INT64" },
        ],
        rawInputContents: [state, Buffer.from(BigInt64Array.of(x).buffer)],
      });
      expect(outputs.map(([name, , shape]) => [name, shape])).toEqual([
        ["y", []],
        ["next", []],
      ]);
      results.push(outputs[0]![3].readBigInt64LE());
      state = outputs[1]![3];
    }
    expect(results).toEqual([1n, 6n, 18n]);
  });

  it("takes pictures of any size, and none of no size where there is no batch", async () => {
    const picture = { datatype: "FP32", dims: ["N", 1, "height", "width"] } as const;
    const ask = await serve(
      graphFile({
        nodes: [createNode("GlobalMaxPool", { inputs: ["x"], outputs: ["y"] })],
        inputs: [{ name: "x", ...picture }],
        outputs: [{ name: "y", datatype: "FP32", dims: ["N", 1, 1, 1] }],
      }),
    );
    const query = (height: number, width: number) => {
      const pixels = Float32Array.from({ length: height * width }, (_, i) => i);
      const shape = [1, 1, height, width].map(BigInt);
      return ask({
        inputs: [{ name: "x", datatype: "FP32", shape }],
        rawInputContents: [Buffer.from(pixels.buffer)],
      });
    };
    const answers = await Promise.all([query(2, 2), query(3, 5), query(2, 2)]);
    expect(answers.map(({ outputs }) => outputs[0]![3].readFloatLE())).toEqual([3, 14, 3]);
    const empty = await serve(passes("FP32", ["N", "length"]), alone);
    const none = await empty({
      inputs: [{ name: "x", datatype: "FP32", shape: [0n, 3n] }],
      rawInputContents: [Buffer.alloc(0)],
    });
    expect(none.outputs).toEqual([["y", "FP32", [0, 3], Buffer.alloc(0)]]);
  });

  it("answers a classifier's sequence of maps as two tensors", async () => {
    const zip = createNode("ZipMap", { inputs: ["scores"], outputs: ["probabilities"] });
    zip.domain = "ai.onnx.ml";
    zip.attribute.push(intsAttribute("classlabels_int64s", [3, 5]));
    const scores = { name: "scores", datatype: "FP32", dims: ["N", 2] } as const;
    const ask = await serve(
      graphFile({
        nodes: [zip],
        inputs: [scores],
        outputs: [{ name: "probabilities", datatype: "FP32", dims: [], mapsFrom: "INT64" }],
      }),
    );
    const raw = Buffer.from(Float32Array.of(0.25, 0.75, 1, 0).buffer);
    const { outputs } = await ask({
      inputs: [{ name: "scores", datatype: "FP32", shape: [2n, 2n] }],
      rawInputContents: [raw],
    });
    expect(outputs).toEqual([
      ["probabilities.keys", "INT64", [2, 2], Buffer.from(BigInt64Array.of(3n, 5n, 3n, 5n).buffer)],
      ["probabilities.values", "FP32", [2, 2], raw],
    ]);
  });

  it("says what came out where the file declares something else", async () => {
    const ask = await serve(
      graphFile({
        nodes: [createNode("Identity", { inputs: ["x"], outputs: ["y"] })],
        inputs: [{ name: "x", datatype: "FP32", dims: ["N", 3] }],
        outputs: [{ name: "y", datatype: "FP32", dims: [1, 1, 2] }],
      }),
    );
    const raw = Buffer.from(Float32Array.of(1, 2, 3, 4, 5, 6).buffer);
    const input = { name: "x", datatype: "FP32", shape: [2n, 3n] };
    for (let time = 0; time < 2; time++) {
      const { outputs } = await ask({ inputs: [input], rawInputContents: [raw] });
      expect(outputs).toEqual([["y", "FP32", [2, 3], raw]]);
    }
  });

  it.each([
    ["quotes and slashes", "../a b/c'\"\\"],
    ["a line break", "zeile\nzwei"],
    ["other alphabets", "日本語 ✓"],
  ])("knows tensors by names with %s, in answers and in refusals", async (_, name) => {
    const tensor = { datatype: "FP32", dims: ["N", 1] } as const;
    const ask = await serve(
      graphFile({
        nodes: [createNode("Neg", { inputs: [name], outputs: [`${name}'`] })],
        inputs: [{ name, ...tensor }],
        outputs: [{ name: `${name}'`, ...tensor }],
      }),
    );
    const input = { name, datatype: "FP32", shape: [1n, 1n] };
    const raw = Buffer.from(Float32Array.of(2).buffer);
    const answered = await ask({
      inputs: [input],
      rawInputContents: [raw],
      outputs: [{ name: `${name}'` }],
    });
    expect(answered.outputs).toEqual([[`${name}'`, "FP32", [1, 1], Buffer.from(Float32Array.of(-2).buffer)]]);
    await expect(ask({ inputs: [input], rawInputContents: [Buffer.alloc(3)] })).rejects.toThrow(
      `input ${name}: 3 bytes were sent`,
    );
  });

  it("fails only the request that the model fails on", async () => {
    const table = constantTensor("table", [4, 1], Float32Array.of(10, 11, 12, 13));
    const ask = await serve(
      graphFile({
        nodes: [createNode("Gather", { inputs: ["table", "index"], outputs: ["row"] }, { axis: 0 })],
        inputs: [{ name: "index", datatype: "INT64", dims: ["N", 1] }],
        outputs: [{ name: "row", datatype: "FP32", dims: ["N", 1, 1] }],
        constants: [table],
      }),
    );
    const query = (index: bigint) =>
      ask({
        inputs: [{ name: "index", datatype: "INT64", shape: [1n, 1n] }],
        rawInputContents: [Buffer.from(BigInt64Array.of(index).buffer)],
      }).then(
        ({ outputs }) => outputs[0]![3].readFloatLE(),
        (fault: Refused) => fault.code,
      );
    expect(await Promise.all([query(0n), query(99n), query(3n)])).toEqual([10, Code.INVALID_ARGUMENT, 13]);
  });

  it("decodes strings that a model made", async () => {
    const ask = await serve(
      graphFile({
        nodes: [createNode("Cast", { inputs: ["x"], outputs: ["y"] }, { to: ElementTypes.BYTES })],
        inputs: [{ name: "x", datatype: "INT64", dims: ["N"] }],
        outputs: [{ name: "y", datatype: "BYTES", dims: ["N"] }],
      }),
      alone,
    );
    const { outputs } = await ask({
      inputs: [{ name: "x", datatype: "INT64", shape: [2n], contents: { int64Contents: [7n, -8n] } }],
    });
    const texts = decodeBytes(outputs[0]![3]);
    expect(texts.ok && texts.value.map((text) => Buffer.from(text).toString())).toEqual(["7", "-8"]);
  });
});
