import type { Result } from "../lib";
import { bytesOf, floats } from "./models";
import { type Graph, type Io, onnxType } from "./onnx-model";
import { float32, graphOpener, identity, single } from "./single-graphs";

const open = graphOpener();
const texts = (...all: string[]) =>
  Buffer.concat(
    all.map((text) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(Buffer.byteLength(text));
      return Buffer.concat([length, Buffer.from(text)]);
    }),
  );
const int64s = (bytes: Uint8Array) => Array.from(new BigInt64Array(Uint8Array.from(bytes).buffer), Number);
const shown = (result: Result) => result.outputs.map((bytes, i) => [result.outputDims[i], [...bytes]]);

describe("submit", () => {
  it.each([
    ["int8", 1],
    ["uint8", 1],
    ["int16", 2],
    ["uint16", 2],
    ["int32", 4],
    ["uint32", 4],
    ["int64", 8],
    ["uint64", 8],
    ["bool", 1],
    ["float16", 2],
    ["bfloat16", 2],
    ["float32", 4],
    ["float64", 8],
  ] as const)("passes %s tensors through, byte for byte", async (dtype, size) => {
    const batcher = await open(identity(onnxType[dtype], ["N", 3]));
    expect(batcher.inputs[0]?.dtype).toBe(dtype);
    const bytes = Uint8Array.from({ length: 2 * 3 * size }, (_, i) => i % 2);
    const result = await batcher.submit([bytes], { rows: 2 });
    expect(shown(result)).toEqual([[[2, 3], [...bytes]]]);
  });

  it("takes and gives scalars", async () => {
    const scalar = { type: float32, dims: [] };
    const batcher = await open(
      single(
        "Add",
        [
          { name: "a", ...scalar },
          { name: "b", ...scalar },
        ],
        [{ name: "sum", ...scalar }],
      ),
    );
    expect(batcher.unbatchedReason).toBe("input 'a' is a scalar and has no batch axis");
    const result = await batcher.submit([bytesOf(Float32Array.of(2)), bytesOf(Float32Array.of(3))], {
      rows: 1,
    });
    expect(result.outputDims).toEqual([[]]);
    expect(floats(result.outputs[0]!)).toEqual([5]);
  });

  it("opens what never ends over zeros: axis 0 of a complex signal of one element there", async () => {
    const signal: Io = { name: "x", type: float32, dims: [1, 6, 10, 2] };
    const axis: Io = { name: "axis", type: onnxType.int64, dims: [] };
    const graph = single("DFT", [signal, axis], [{ name: "y", type: float32, dims: [1, 10, 10, 1] }]);
    const [node] = graph.nodes;
    const batcher = await open({
      ...graph,
      opset: 20,
      nodes: [{ ...node!, inputs: ["x", "", "axis"], ints: { inverse: 1, onesided: 1 } }],
    });
    const [x, one] = [new Float32Array(120).fill(1), BigInt64Array.of(1n)];
    const answer = await batcher.submit([bytesOf(x), bytesOf(one)], { rows: 1, dims: [[1, 6, 10, 2], []] });
    expect(answer.outputDims).toEqual([[1, 10, 10, 1]]);
  });

  it("takes and gives tensors without elements", async () => {
    const batcher = await open(identity(float32, ["N", "length"]));
    const empty = await batcher.submit([new Uint8Array(0)], { rows: 2, dims: [[2, 0]] });
    expect(shown(empty)).toEqual([[[2, 0], []]]);
    const fixed = await open(identity(float32, [0, 4]));
    expect(shown(await fixed.submit([new Uint8Array(0)], { rows: 1 }))).toEqual([[[0, 4], []]]);
  });

  describe("when an input has a default", () => {
    const [x, s, y] = (["x", "s", "y"] as const).map((name) => ({
      name,
      type: float32,
      dims: name === "s" ? [1] : ["N", 2],
    }));
    const graph: Graph = {
      inputs: [x!, s!],
      outputs: [y!],
      nodes: [{ op: "Mul", inputs: ["x", "s"], outputs: ["y"] }],
      weights: [{ name: "s", dims: [1], values: Float32Array.of(2) }],
    };

    it("takes it or leaves it out, each request for itself", async () => {
      const batcher = await open(graph);
      expect(batcher.inputs.map(({ name }) => name)).toEqual(["x"]);
      expect(batcher.optionalInputs).toEqual([{ name: "s", dtype: "float32", dims: [1], itemBytes: 4 }]);
      const answers = await Promise.all(
        Array.from({ length: 40 }, (_, i) => {
          const row = bytesOf(Float32Array.of(i, -i));
          if (i % 2 === 0) return batcher.submit([row], { rows: 1 });
          const sent = { rows: 1, dims: [[1, 2], [1]], optional: [0] };
          return batcher.submit([row, bytesOf(Float32Array.of(i))], sent);
        }),
      );
      for (const [i, answer] of answers.entries()) {
        const factor = i % 2 === 0 ? 2 : i;
        expect([answer.outputDims, floats(answer.outputs[0]!)]).toEqual([
          [[1, 2]],
          [i * factor, -i * factor],
        ]);
        if (i % 2 === 1) expect(answer.batchSize).toBe(1);
      }
      expect(answers.some(({ batchSize }) => batchSize > 1)).toBe(true);
    });

    it("takes it with more rows than a batch has", async () => {
      const batcher = await open(graph);
      const rows = Float32Array.from({ length: 200 }, (_, i) => i);
      const sent = { rows: 100, dims: [[100, 2], [1]], optional: [0] };
      const answer = await batcher.submit([bytesOf(rows), bytesOf(Float32Array.of(3))], sent);
      expect(answer.outputDims).toEqual([[100, 2]]);
      expect(floats(answer.outputs[0]!)).toEqual(Array.from(rows, (value) => 3 * value));
    });

    it("refuses one that is unknown, sent twice or of another size", async () => {
      const batcher = await open(graph);
      const [row, one] = [bytesOf(Float32Array.of(1, 2)), bytesOf(Float32Array.of(1))];
      const asked = (dims: number[][], optional: number[]) =>
        batcher.submit([row, ...optional.map(() => one)], { rows: 1, dims, optional });
      await expect(asked([[1, 2], [1]], [1])).rejects.toThrow("optional input 1 is unknown or sent twice");
      await expect(asked([[1, 2], [1], [1]], [0, 0])).rejects.toThrow("sent twice");
      await expect(asked([[1, 2], [2]], [0])).rejects.toThrow("input 's' has dims [2], the model takes [1]");
    });

    it("offers none where a file lists more than 64: they are its weights", async () => {
      const names = Array.from({ length: 65 }, (_, i) => `w${i}`);
      const listed = await open({
        inputs: [x!, ...names.map((name) => ({ name, type: float32, dims: [2] }))],
        outputs: [y!],
        nodes: [{ op: "Sum", inputs: ["x", ...names], outputs: ["y"] }],
        weights: names.map((name) => ({ name, dims: [2], values: Float32Array.of(1, 2) })),
      });
      expect([listed.inputs.length, listed.optionalInputs]).toEqual([1, []]);
      const { outputs } = await listed.submit([bytesOf(Float32Array.of(0, 0))], { rows: 1 });
      expect(floats(outputs[0]!)).toEqual([65, 130]);
    });
  });

  describe("when an input does not say how many axes it has", () => {
    it("takes any, one request at a time", async () => {
      const batcher = await open(
        single("Neg", [{ name: "x", type: float32, dims: null }], [{ name: "y", type: float32, dims: null }]),
      );
      expect(batcher.inputs[0]?.dims).toBeNull();
      expect(batcher.unbatchedReason).toBe("input 'x' does not say how many axes it has");
      for (const dims of [[3], [1, 2], [], [2, 0, 1], Array(16).fill(1)]) {
        const count = dims.reduce((product: number, dim: number) => product * dim, 1);
        const values = Float32Array.from({ length: count }, (_, i) => i + 1);
        const answer = await batcher.submit([bytesOf(values)], { rows: 1, dims: [dims] });
        expect(answer.outputDims).toEqual([dims]);
        expect(floats(answer.outputs[0]!)).toEqual(Array.from(values, (value) => -value));
      }
      const tooMany = batcher.submit([bytesOf(Float32Array.of(1))], { rows: 1, dims: [Array(17).fill(1)] });
      await expect(tooMany).rejects.toThrow("allowed are up to 16 axes");
    });
  });

  describe("when the model takes strings", () => {
    it("passes any bytes through, one request at a time", async () => {
      const batcher = await open(identity(onnxType.string, ["N", 2]));
      expect([batcher.batchable, batcher.unbatchedReason]).toEqual([false, "input 'x' holds strings"]);
      const bytes = texts("plain", "", "zero\0inside", "ünïcödé\n");
      const result = await batcher.submit([bytes], { rows: 1, dims: [[2, 2]] });
      expect(shown(result)).toEqual([[[2, 2], [...bytes]]]);
    });

    it("refuses strings that are not as many as the shape says, and answers the next request", async () => {
      const batcher = await open(identity(onnxType.string, ["N"]));
      const submit = (bytes: Uint8Array, count: number) =>
        batcher.submit([bytes], { rows: 1, dims: [[count]] });
      await expect(submit(texts("a", "b"), 3)).rejects.toMatchObject({
        message: "'x' holds 2 whole strings, its shape has 3",
      });
      await expect(submit(texts("a", "b"), 1)).rejects.toMatchObject({
        message: "'x' has 5 bytes after its 1 strings",
      });
      await expect(submit(Buffer.from([255, 255, 255, 255, 1]), 1)).rejects.toMatchObject({
        message: "'x' holds 0 whole strings, its shape has 1",
      });
      expect(shown(await submit(texts(), 0))).toEqual([[[0], []]]);
      expect(shown(await submit(texts("ok"), 1))).toEqual([[[1], [...texts("ok")]]]);
    });

    it("turns strings into numbers and back", async () => {
      const type = { name: "word", type: onnxType.string, dims: ["N"] };
      const number = { name: "number", type: onnxType.int64, dims: ["N"] };
      const lists = { keys_strings: ["one", "two"], values_int64s: [1, 2] };
      const batcher = await open(single("LabelEncoder", [type], [number], { domain: "ai.onnx.ml", lists }));
      const result = await batcher.submit([texts("two", "one")], { rows: 1, dims: [[2]] });
      expect(int64s(result.outputs[0]!)).toEqual([2, 1]);
    });
  });

  describe("when what the model declares is wrong", () => {
    const declarations: readonly (readonly [string, Io["dims"]])[] = [
      ["another size", ["N", 5]],
      ["another axis", [7, 3]],
      ["another rank", ["N", 1, 3]],
      ["no shape", null],
      ["another name of the first axis", ["batch", 3]],
    ];
    it.each(declarations)("answers with what came out: %s", async (_, declared) => {
      const batcher = await open(identity(float32, ["N", 3], declared), {
        batching: "inputs",
        maxQueueDelayMs: 60_000,
        maxBatch: 2,
      });
      const rows = [Float32Array.of(1, 2, 3), Float32Array.of(4, 5, 6)];
      for (let round = 0; round < 2; round++) {
        const answers = await Promise.all(rows.map((row) => batcher.submit([bytesOf(row)], { rows: 1 })));
        expect(answers.map(({ outputDims }) => outputDims)).toEqual([[[1, 3]], [[1, 3]]]);
        expect(answers.map(({ outputs }) => floats(outputs[0]!))).toEqual([
          [1, 2, 3],
          [4, 5, 6],
        ]);
        expect(answers.map(({ batchSize }) => batchSize)).toEqual([2, 2]);
      }
      expect(batcher.unbatchedReason).toBeUndefined();
    });

    it("answers a model without a batch axis whose output is larger than declared", async () => {
      const x = { name: "x", type: float32, dims: [2, 3] };
      const y = { name: "y", type: float32, dims: [1] };
      const batcher = await open({ ...single("Identity", [x], [y]) });
      const values = Float32Array.of(1, 2, 3, 4, 5, 6);
      const results = [
        await batcher.submit([bytesOf(values)], { rows: 1 }),
        await batcher.submit([bytesOf(values)], { rows: 1 }),
      ];
      for (const result of results) {
        expect(result.outputDims).toEqual([[2, 3]]);
        expect(floats(result.outputs[0]!)).toEqual([...values]);
      }
    });

    it("runs requests alone once an output turned out to have no batch axis, and says why", async () => {
      const x = { name: "x", type: float32, dims: ["N", 2] };
      const y = { name: "y", type: float32, dims: ["N", 2] };
      const graph = single("ReduceSum", [x], [y], { ints: { keepdims: 0 } });
      const batcher = await open(graph, { maxQueueDelayMs: 60_000, maxBatch: 2 });
      const submit = (...values: number[]) =>
        batcher.submit([bytesOf(Float32Array.from(values))], { rows: values.length / 2 });
      const [a, b] = await Promise.all([submit(1, 2), submit(3, 4)]);
      expect([a.outputDims, floats(a.outputs[0]!)]).toEqual([[[]], [3]]);
      expect([b.outputDims, floats(b.outputs[0]!)]).toEqual([[[]], [7]]);
      expect(batcher.unbatchedReason).toBe(
        "output 'y' has 0 rows for a batch of 2: its first axis is not the batch",
      );
      const [c, d, e] = await Promise.all([submit(1, 1), submit(2, 2), submit(1, 2, 3, 4)]);
      expect([c, d, e].map((result) => [result.batchSize, floats(result.outputs[0]!)])).toEqual([
        [1, [2]],
        [1, [4]],
        [2, [10]],
      ]);
    });

    it("is opened one request at a time when asked to, whatever is declared", async () => {
      const batcher = await open(identity(float32, ["N", 2]), { batching: "never" });
      expect([batcher.batchable, batcher.maxBatch]).toEqual([false, 1]);
      const result = await batcher.submit([new Uint8Array(24)], { rows: 1, dims: [[3, 2]] });
      expect([result.outputDims, result.batchSize]).toEqual([[[3, 2]], 1]);
    });
  });

  describe("when an output is no tensor", () => {
    it.each([
      ["int64", { classlabels_int64s: [7, 9] }, onnxType.int64],
      ["string", { classlabels_strings: ["cat", "dog"] }, onnxType.string],
    ] as const)("gives keys and values of a sequence of maps from %s", async (dtype, lists, key) => {
      const x = { name: "x", type: float32, dims: ["N", 2] };
      const p = { name: "p", type: float32, dims: [], kind: { mapsFrom: key } };
      const batcher = await open(single("ZipMap", [x], [p], { domain: "ai.onnx.ml", lists }));
      expect(batcher.outputs.map(({ name, dtype: type, dims }) => [name, type, dims])).toEqual([
        ["p.keys", dtype, [-1, -1]],
        ["p.values", "float32", [-1, -1]],
      ]);
      const values = [0.25, 0.75, 0.5, 0.5];
      const dims = batcher.batchable ? { rows: 2 } : { rows: 1, dims: [[2, 2]] };
      const result = await batcher.submit([bytesOf(Float32Array.from(values))], dims);
      expect(result.outputDims).toEqual([
        [2, 2],
        [2, 2],
      ]);
      expect(floats(result.outputs[1]!)).toEqual(values);
      const keys = result.outputs[0]!;
      if (key === onnxType.int64) expect(int64s(keys)).toEqual([7, 9, 7, 9]);
      else expect([...keys]).toEqual([...texts("cat", "dog", "cat", "dog")]);
    });

    it("batches a sequence of maps and cuts it by rows", async () => {
      const x = { name: "x", type: float32, dims: ["N", 2] };
      const p = { name: "p", type: float32, dims: [], kind: { mapsFrom: onnxType.int64 } };
      const lists = { classlabels_int64s: [0, 1] };
      const batcher = await open(single("ZipMap", [x], [p], { domain: "ai.onnx.ml", lists }), {
        maxQueueDelayMs: 60_000,
        maxBatch: 2,
      });
      const submit = (...row: number[]) => batcher.submit([bytesOf(Float32Array.from(row))], { rows: 1 });
      const answers = await Promise.all([submit(1, 2), submit(3, 4)]);
      expect(answers.map(({ batchSize, outputs }) => [batchSize, floats(outputs[1]!)])).toEqual([
        [2, [1, 2]],
        [2, [3, 4]],
      ]);
    });

    it("gives elements and shapes of a sequence of tensors, alone", async () => {
      const a = { name: "a", type: float32, dims: ["N", "M"] };
      const b = { ...a, name: "b" };
      const s = { name: "s", type: float32, dims: ["N", "M"], kind: "sequence" as const };
      const batcher = await open(single("SequenceConstruct", [a, b], [s]));
      expect(batcher.unbatchedReason).toBe("output 's.values' belongs to a run as a whole");
      expect(batcher.outputs.map(({ name, dtype }) => [name, dtype])).toEqual([
        ["s.values", "float32"],
        ["s.shapes", "int64"],
      ]);
      const inputs = [Float32Array.of(1, 2), Float32Array.of(3, 4, 5)].map(bytesOf);
      const dims = [
        [1, 2],
        [3, 1],
      ];
      const result = await batcher.submit(inputs, { rows: 1, dims });
      expect(result.outputDims).toEqual([[5], [2, 2]]);
      expect(floats(result.outputs[0]!)).toEqual([1, 2, 3, 4, 5]);
      expect(int64s(result.outputs[1]!)).toEqual([1, 2, 3, 1]);
    });
  });
});

describe("trim", () => {
  it.each<[string, Io["dims"], number]>([
    ["of any rank", null, float32],
    ["that is a scalar", [], float32],
    ["with an empty axis", [0, 3], float32],
    ["of strings", ["N"], onnxType.string],
  ])("gives back the memory of a model with an input %s", async (_, dims, type) => {
    const batcher = await open(identity(type, dims));
    await expect(batcher.trim()).resolves.toBeUndefined();
  });
});
