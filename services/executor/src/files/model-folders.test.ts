import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { AttributeProtoSchema, GraphProtoSchema, TensorProtoSchema, ValueInfoProtoSchema } from "@infaas/api";
import type { ArtifactSource } from "@infaas/cluster";
import { createNode } from "@infaas/onnx";
import { graphFile } from "@infaas/onnx/testing/graph-models";
import { Code, VirtualClock } from "@infaas/runtime";
import { nativeEngines } from "../engines/native-engine";
import { MODEL_FILE_KEEP_MS, ModelStore } from "./model-store";

/** Files by their digest. */
class Files implements ArtifactSource {
  private readonly files = new Map<string, Uint8Array>();

  put(bytes: Uint8Array): string {
    const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    this.files.set(digest, bytes);
    return digest;
  }

  async *download(digest: string): AsyncIterable<Uint8Array> {
    yield this.files.get(digest) ?? Buffer.alloc(0);
  }
}

const tensors = {
  inputs: [{ name: "x", datatype: "FP32", dims: ["N", 2] }],
  outputs: [{ name: "y", datatype: "FP32", dims: ["N", 2] }],
} as const;

function weightsIn(location: string) {
  return create(TensorProtoSchema, {
    name: "w",
    dims: [2n],
    dataType: 1,
    dataLocation: 1,
    externalData: [{ key: "location", value: location }],
  });
}

/** y = x + w, where w lies in `location`. */
function modelWith(location: string): Uint8Array {
  const nodes = [createNode("Add", { inputs: ["x", "w"], outputs: ["y"] })];
  return graphFile({ ...tensors, nodes, constants: [weightsIn(location)] });
}

/** The same in both branches of an If. */
function ifModelWith(location: string): Uint8Array {
  const branch = (name: string) => {
    const node = [createNode("Add", { inputs: ["x", "w"], outputs: [name] })];
    const output = [create(ValueInfoProtoSchema, { name, type: { tensorType: { elemType: 1 } } })];
    const g = create(GraphProtoSchema, { name, node, output, initializer: [weightsIn(location)] });
    return create(AttributeProtoSchema, { name: `${name}_branch`, type: 5, g });
  };
  const node = createNode("If", { inputs: ["c"], outputs: ["y"] });
  node.attribute = [branch("then"), branch("else")];
  const c = create(TensorProtoSchema, { name: "c", dataType: 9, rawData: Uint8Array.of(1) });
  return graphFile({ ...tensors, nodes: [node], constants: [c] });
}

describe("ModelStore.model", () => {
  let folder = "";
  let files = new Files();
  let clock = new VirtualClock();
  const storeOf = (bytesMax = 1_000_000) => new ModelStore({ folder, source: files, clock, bytesMax });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "model-folders-"));
    files = new Files();
    clock = new VirtualClock();
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("lays weights out beside the model, so that the engine runs it", async () => {
    const name = "weights/part 1 ü.bin";
    const weights = Buffer.from(Float32Array.of(10, 20).buffer);
    const modelDigest = files.put(modelWith(name));
    const path = await storeOf().model({ modelDigest, externalData: [{ name, digest: files.put(weights) }] });
    expect(await readFile(join(dirname(path), name))).toEqual(weights);
    const limits = { queueRowsMax: 8, queueBytesMax: 1024, latency: [] };
    const engine = await nativeEngines.open({ path, concurrency: 1, threads: 1, maxBatch: 1, ...limits });
    const query = { rows: 1, dims: [[1, 2]], lane: 0, timeoutMs: null, signal: null };
    const answer = await engine.submit([Buffer.from(Float32Array.of(1, 2).buffer)], query);
    expect([...new Float32Array(Uint8Array.from(answer.outputs[0]!).buffer)]).toEqual([11, 22]);
    await engine.close();
  });

  it.each(["w.bin", "./w.bin"])(
    "copies the weights of a body, which the engine takes from no link: %s",
    async (location) => {
      const digest = files.put(Buffer.from(Float32Array.of(10, 20).buffer));
      const modelDigest = files.put(ifModelWith(location));
      const path = await storeOf().model({ modelDigest, externalData: [{ name: "w.bin", digest }] });
      const limits = { queueRowsMax: 8, queueBytesMax: 1024, latency: [] };
      const engine = await nativeEngines.open({ path, concurrency: 1, threads: 1, maxBatch: 1, ...limits });
      const query = { rows: 1, dims: [[1, 2]], lane: 0, timeoutMs: null, signal: null };
      const answer = await engine.submit([Buffer.from(Float32Array.of(1, 2).buffer)], query);
      expect([...new Float32Array(Uint8Array.from(answer.outputs[0]!).buffer)]).toEqual([11, 22]);
      await engine.close();
    },
  );

  it("gives one path for one model, another for other weights, and the plain file for a model of one file", async () => {
    const store = storeOf();
    const modelDigest = files.put(modelWith("w.bin"));
    const [one, two] = [files.put(Buffer.alloc(8)), files.put(Buffer.alloc(8, 1))];
    const ask = (digest: string) => store.model({ modelDigest, externalData: [{ name: "w.bin", digest }] });
    const [first, same] = await Promise.all([ask(one), ask(one)]);
    expect(same).toBe(first);
    expect(await ask(one)).toBe(first);
    expect(await ask(two)).not.toBe(first);
    expect(await store.model({ modelDigest, externalData: [] })).toBe(await store.file(modelDigest));
  });

  it.each(["../escape", "/etc/passwd", "a/../../b", "a\0b"])(
    "refuses %j before anything is written",
    async (name) => {
      const modelDigest = files.put(modelWith("w.bin"));
      const externalData = [{ name, digest: files.put(Buffer.alloc(8)) }];
      await expect(storeOf().model({ modelDigest, externalData })).rejects.toMatchObject({
        code: Code.INVALID_ARGUMENT,
        message: expect.stringContaining("external data file"),
      });
      expect(await readdir(folder)).toEqual([]);
    },
  );

  it("lets files go, folders first, when the disk space is used up, and brings them again", async () => {
    const store = storeOf(3_000);
    const weights = files.put(Buffer.alloc(2_000));
    const model = {
      modelDigest: files.put(modelWith("w.bin")),
      externalData: [{ name: "w.bin", digest: weights }],
    };
    const path = await store.model(model);
    await clock.advance(MODEL_FILE_KEEP_MS + 1_000);
    await store.file(files.put(Buffer.alloc(2_500)));
    expect(await readdir(join(folder, "folders"))).toEqual([]);
    expect(await store.model(model)).toBe(path);
    expect((await readFile(join(dirname(path), "w.bin"))).length).toBe(2_000);
  });
});
