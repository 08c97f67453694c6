import { mkdtemp, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clone, create } from "@bufbuild/protobuf";
import { GraphProtoSchema, Precision, ProfileModelRequestSchema, type RegistrationResult } from "@infaas/api";
import { decodeModel, encodeModel, type OnnxModel } from "@infaas/onnx";
import { denseModel, fixtureRows } from "@infaas/onnx/testing/dense-models";
import { systemClock } from "@infaas/runtime";
import { nativeEngines } from "../engines/native-engine";
import type { ProfilePorts } from "./measurement/profile-ports";
import type { ProfiledArchitecture } from "./measurement/profiled-model";
import { inlineWeights, modelBytes } from "./onnx/inline-weights";
import { profileModel } from "./profile-model";
import { INLINED_BYTES_MAX, inOneFile } from "./quantization/one-file";

jest.setTimeout(120_000);

const WIDTH = 64;
const EXAMPLES = 100;
const NAME = "weights.bin";
const EXTERNAL = 1;

let folder = "";
let path = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "external-data-"));
  path = join(folder, "net.onnx");
});
afterAll(() => rm(folder, { recursive: true }));

/** Writes the model with its weights in a file beside it; the last one's length is left to be found out. */
async function writeParted(model: OnnxModel): Promise<OnnxModel> {
  const graph = clone(GraphProtoSchema, model.graph);
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const [i, tensor] of graph.initializer.entries()) {
    const bytes = tensor.rawData ?? new Uint8Array();
    const place = { location: NAME, offset: String(offset), length: String(bytes.length) };
    const told = Object.entries(place).filter(
      ([key]) => key !== "length" || i < graph.initializer.length - 1,
    );
    tensor.externalData = told.map(([key, value]) => ({
      $typeName: "onnx.StringStringEntryProto" as const,
      key,
      value,
    }));
    tensor.dataLocation = EXTERNAL;
    tensor.rawData = new Uint8Array();
    parts.push(bytes);
    offset += bytes.length;
  }
  const parted = { ...model, graph };
  await writeFile(join(folder, NAME), Buffer.concat(parts));
  await writeFile(path, encodeModel(parted));
  return parted;
}

describe("inlineWeights", () => {
  it("gives a model that is the same as if it had never been parted", async () => {
    const whole = denseModel([WIDTH, 32, 10]);
    const parted = await writeParted(whole);
    const inlined = await inlineWeights(parted, folder);
    const weights = ({ graph }: OnnxModel) =>
      graph.initializer.map(({ name, rawData }) => [name, [...rawData!]]);
    expect(weights(inlined)).toEqual(weights(whole));
    expect(parted.graph.initializer[0]?.dataLocation).toBe(EXTERNAL);
    expect(await modelBytes(path, [{ name: NAME }])).toBe(
      (await stat(path)).size + (await stat(join(folder, NAME))).size,
    );
  });

  it("refuses a place that is not in its file", async () => {
    const parted = await writeParted(denseModel([WIDTH, 32, 10]));
    await truncate(join(folder, NAME), 100);
    await expect(inlineWeights(parted, folder)).rejects.toThrow(
      "weights w0 are 8192 bytes at 0 of weights.bin",
    );
  });
});

describe("inOneFile", () => {
  it("leaves what is too large as it is, with both numbers", async () => {
    const model = await writeParted(denseModel([WIDTH, 32, 10]));
    await truncate(join(folder, NAME), INLINED_BYTES_MAX);
    const architecture = { externalData: [{ name: NAME, digest: "" }] };
    const profiled = { architecture, model } as unknown as ProfiledArchitecture;
    const { size } = await stat(path);
    expect(await inOneFile(profiled, path)).toEqual({
      reason: `its weights are in other files and have ${size + INLINED_BYTES_MAX} bytes; int8 is made of up to ${INLINED_BYTES_MAX}`,
    });
  });
});

describe("profileModel of a model whose weights are in another file", () => {
  it("makes int8 of it, which is one file", async () => {
    await writeParted(denseModel([WIDTH, 512, 256, 10]));
    const stored: string[] = [];
    const files: Record<string, string> = { model: path };
    const put = async (name: string, bytes: Uint8Array) => {
      files[name] = join(folder, name);
      await writeFile(join(folder, name), bytes);
      return name;
    };
    const ports: ProfilePorts = {
      fetchModel: async (digest) => files[digest]!,
      readArtifact: (digest) => readFile(files[digest]!),
      storeArtifact: async (from) => {
        stored.push(await put("int8", await readFile(from)));
        return "int8";
      },
      engines: nativeEngines,
      engineVersion: "onnxruntime test",
      clock: systemClock,
      host: { hostType: "test-host", cores: 1, cpuCores: 1, memoryBytes: 1 << 30 },
      scratchDir: folder,
    };
    const labels = Int32Array.from({ length: EXAMPLES }, (_, i) => i % 10);
    const validation = {
      dataset: "any",
      count: EXAMPLES,
      inputsDigest: await put("inputs", fixtureRows(EXAMPLES, WIDTH)),
      labelsDigest: await put("labels", new Uint8Array(labels.buffer)),
    };
    const externalData = [{ name: NAME, digest: "weights" }];
    const request = create(ProfileModelRequestSchema, {
      architecture: {
        name: "net",
        version: 1,
        task: "t",
        modelDigest: "model",
        externalData,
        accuracyTolerance: 1,
      },
      task: { name: "t", metric: "accuracy", validation },
    });
    const results: RegistrationResult[] = [];
    for await (const { event } of profileModel(request, ports))
      if (event.case === "result") results.push(event.value);
    const [result] = results;
    expect(result?.rejected).toEqual([]);
    const [full, int8] = [Precision.FP32, Precision.INT8].map((wanted) =>
      result?.variants.find(({ precision }) => precision === wanted),
    );
    expect(full).toMatchObject({ modelDigest: "model", externalData });
    expect(int8).toMatchObject({ modelDigest: "int8", externalData: [] });
    expect(stored).toEqual(["int8"]);
    expect(
      decodeModel(await readFile(files.int8!)).graph.initializer.some((t) => t.dataLocation === EXTERNAL),
    ).toBe(false);
    const weightBytes = BigInt((await stat(join(folder, NAME))).size);
    expect(full?.profile?.peakMemoryBytes).toBeGreaterThanOrEqual(2n * weightBytes);
  });
});
