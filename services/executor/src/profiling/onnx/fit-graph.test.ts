import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { TaskSignatureSchema, TensorMappingSchema } from "@infaas/api";
import { constantTensor, createNode, decodeModel, encodeModel, type OnnxModel } from "@infaas/onnx";
import { graphFile } from "@infaas/onnx/testing/graph-models";
import { nativeEngines } from "../../engines/native-engine";
import { fitGraph } from "./fit-graph";

/** ONNX's number of an 8-bit float. */
const FLOAT8E4M3FN = 17;

type Mapping = MessageInitShape<typeof TensorMappingSchema>;
const mappings = (...list: Mapping[]) => list.map((one) => create(TensorMappingSchema, one));
const tensor = (name: string, datatype: string, shape: readonly number[]) => ({
  name,
  datatype,
  shape: shape.map(BigInt),
});
const signature = (inputs: ReturnType<typeof tensor>[], outputs: ReturnType<typeof tensor>[]) =>
  create(TaskSignatureSchema, { inputs, outputs });

/** `half = image / 2`, `image` is FP32 `[n, 3, 2, 2]`; the value between is called `x`, as tasks call inputs. */
function halved(): OnnxModel {
  const nodes = [
    createNode("Identity", { inputs: ["image"], outputs: ["x"] }),
    createNode("Div", { inputs: ["x", "two"], outputs: ["half"] }),
  ];
  return decodeModel(
    graphFile({
      nodes,
      inputs: [{ name: "image", datatype: "FP32", dims: ["n", 3, 2, 2] }],
      outputs: [{ name: "half", datatype: "FP32", dims: ["n", 3, 2, 2] }],
      constants: [constantTensor("two", [1], Float32Array.of(2))],
    }),
  );
}

describe("fitGraph", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "fit-graph-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function run(model: OnnxModel, dims: number[], input: Uint8Array) {
    const path = join(folder, "model.onnx");
    await writeFile(path, encodeModel(model));
    const limits = { queueRowsMax: 1, queueBytesMax: 1 << 20 };
    const engine = await nativeEngines.open({
      path,
      threads: 1,
      concurrency: 1,
      maxBatch: 1,
      latency: [],
      ...limits,
    });
    const query = { rows: 1, dims: [dims], lane: 0, timeoutMs: null, signal: null };
    const { outputs, outputDims } = await engine.submit([input], query);
    const { inputs: takes, outputs: gives } = engine;
    await engine.close();
    const floats = outputs.map((bytes) => [...new Float32Array(Uint8Array.from(bytes).buffer)]);
    return { takes: takes.map((t) => t.name), gives: gives.map((t) => t.name), floats, outputDims };
  }
  const floats = (values: readonly number[]) => new Uint8Array(Float32Array.from(values).buffer);
  const twelve = Array.from({ length: 12 }, (_, index) => index);
  /** NHWC in memory of the NCHW tensor `twelve`. */
  const lastChannel = Array.from({ length: 12 }, (_, index) => (index % 3) * 4 + Math.floor(index / 3));

  it("renames, also to a name that a value inside has", async () => {
    const model = halved();
    expect(
      fitGraph(model, mappings({ name: "x", source: "image" }, { name: "y", source: "half" }), undefined),
    ).toBe(true);
    expect(await run(model, [1, 3, 2, 2], floats(twelve))).toMatchObject({
      takes: ["x"],
      gives: ["y"],
      floats: [twelve.map((value) => value / 2)],
    });
  });

  it("exchanges names", async () => {
    const model = halved();
    fitGraph(
      model,
      mappings({ name: "half", source: "image" }, { name: "image", source: "half" }),
      undefined,
    );
    expect(await run(model, [1, 3, 2, 2], floats(twelve))).toMatchObject({
      takes: ["half"],
      gives: ["image"],
    });
  });

  it("takes and gives another axis order", async () => {
    const model = halved();
    const axes = [0, 3, 1, 2];
    fitGraph(
      model,
      mappings({ name: "x", source: "image", axes }, { name: "y", source: "half", axes }),
      undefined,
    );
    const answer = await run(model, [1, 2, 2, 3], floats(lastChannel));
    expect(answer).toMatchObject({ takes: ["x"], gives: ["y"], outputDims: [[1, 2, 2, 3]] });
    expect(answer.floats).toEqual([lastChannel.map((value) => value / 2)]);
  });

  it("casts to what the task has, together with another axis order", async () => {
    const model = halved();
    const axes = [0, 3, 1, 2];
    const wants = signature([tensor("x", "UINT8", [-1, 2, 2, 3])], [tensor("half", "FP32", [-1, 3, 2, 2])]);
    fitGraph(model, mappings({ name: "x", source: "image", axes, cast: true }), wants);
    const answer = await run(model, [1, 2, 2, 3], Uint8Array.from(lastChannel));
    expect(answer.floats).toEqual([twelve.map((value) => value / 2)]);
  });

  it("casts a datatype that the protocol has no name for, as its values are in the file", async () => {
    const model = decodeModel(
      graphFile({
        nodes: [createNode("Identity", { inputs: ["x"], outputs: ["y"] })],
        inputs: [{ name: "x", datatype: "FP32", dims: ["n", 4] }],
        outputs: [{ name: "y", datatype: "FP32", dims: ["n", 4] }],
      }),
    );
    for (const { type } of [model.graph.input[0]!, model.graph.output[0]!])
      type!.tensorType!.elemType = FLOAT8E4M3FN;
    model.opsetImport[0]!.version = 19n;
    const wants = signature([tensor("x", "FP32", [-1, 4])], [tensor("y", "FP32", [-1, 4])]);
    const cast = mappings({ name: "x", source: "x", cast: true }, { name: "y", source: "y", cast: true });
    fitGraph(model, cast, wants);
    // 1.06 is between 1 and 1.125, and 448 is the largest number that there is.
    const answer = await run(model, [1, 4], floats([1, -2.5, 1.06, 1000]));
    expect(answer.floats).toEqual([[1, -2.5, 1, 448]]);
  });

  it("leaves out outputs that the task does not have, and nothing else", async () => {
    const model = halved();
    model.graph.output.push({ ...model.graph.output[0]!, name: "x" });
    const wants = signature([tensor("image", "FP32", [-1])], [tensor("half", "FP32", [-1])]);
    expect(fitGraph(model, [], wants)).toBe(true);
    expect(model.graph.output.map(({ name }) => name)).toEqual(["half"]);
    expect(fitGraph(model, [], wants)).toBe(false);
  });

  it.each<[string, Mapping[], string]>([
    [
      "a tensor that is not there",
      [{ name: "x", source: "pixels" }],
      "the model has inputs image and outputs half",
    ],
    [
      "one tensor twice",
      [
        { name: "x", source: "image" },
        { name: "z", source: "image" },
      ],
      "a tensor is mapped once",
    ],
    [
      "axes that are no order",
      [{ name: "x", source: "image", axes: [0, 1, 1, 2] }],
      "[0, 1, 1, 2] are no order of 4 axes",
    ],
    [
      "a cast to what nobody states",
      [{ name: "x", source: "image", cast: true }],
      "the task has no input 'x'",
    ],
  ])("refuses %s", (_what, list, sentence) => {
    expect(() => fitGraph(halved(), mappings(...list), undefined)).toThrow(sentence);
  });
});
