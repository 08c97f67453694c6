import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { ProfileModelRequestSchema } from "@infaas/api";
import { createNode } from "@infaas/onnx";
import { graphFile } from "@infaas/onnx/testing/graph-models";
import { Code, systemClock } from "@infaas/runtime";
import { nativeEngines } from "../../engines/native-engine";
import { paddedEngines } from "../../engines/padded-engine";
import { expectProfiled } from "../../testing/expect-profiled";
import type { ProfilePorts } from "../measurement/profile-ports";
import { expectPadding } from "./expect-padding";
import { loadModel } from "./inspect-model";

const padding = {
  sizes: [4, 8],
  inputs: [
    { name: "x", axis: 1, value: 5 },
    { name: "mask", axis: 1, value: 0 },
  ],
  outputs: [{ name: "masked", axis: 1 }],
};

/** masked = x * mask, and what `pool` makes of it. */
function pooling(pool: "ReduceSum" | "ReduceMean"): Uint8Array {
  const row = { datatype: "FP32", dims: ["N", "length"] } as const;
  return graphFile({
    nodes: [
      createNode("Mul", { inputs: ["x", "mask"], outputs: ["masked"] }),
      createNode("Transpose", { inputs: ["masked"], outputs: ["turned"] }),
      createNode(pool, { inputs: ["turned"], outputs: ["pooled"] }),
    ],
    inputs: [
      { name: "x", ...row },
      { name: "mask", ...row },
    ],
    outputs: [
      { name: "masked", ...row },
      { name: "pooled", datatype: "FP32", dims: [1, 1] },
    ],
  });
}

describe("expectPadding", () => {
  let folder = "";
  let path = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "expect-padding-"));
    path = join(folder, "model.onnx");
  });
  afterEach(() => rm(folder, { recursive: true }));

  async function load(file: Uint8Array, stated: object = padding) {
    await writeFile(path, file);
    const ports: ProfilePorts = {
      fetchModel: async () => path,
      storeArtifact: async () => "",
      readArtifact: async () => Buffer.alloc(0),
      engines: nativeEngines,
      engineVersion: "",
      clock: systemClock,
      host: { hostType: "test", cores: 1, cpuCores: 1, memoryBytes: 1 },
      scratchDir: folder,
    };
    const architecture = { name: "pooling", modelDigest: "sha256:0", padding: stated };
    const request = create(ProfileModelRequestSchema, { architecture });
    return { loaded: expectProfiled(await loadModel(request, path, ports)), ports };
  }

  it("lets a padding pass that changes no answer, and answers are cut back", async () => {
    const { loaded, ports } = await load(pooling("ReduceSum"));
    await expectPadding(loaded, ports);
    const limits = { latency: [], queueRowsMax: 8, queueBytesMax: 1_024 };
    const size = { path, concurrency: 1, threads: 1, maxBatch: 1, batching: "never" as const };
    const engine = await paddedEngines(nativeEngines, padding).open({ ...size, ...limits });
    const inputs = [Float32Array.of(1, 2, 3), Float32Array.of(1, 0, 1)].map((values) =>
      Buffer.from(values.buffer),
    );
    const dims = [
      [1, 3],
      [1, 3],
    ];
    const answer = await engine.submit(inputs, { rows: 1, dims, lane: 0, timeoutMs: null, signal: null });
    expect(answer.outputDims).toEqual([
      [1, 3],
      [1, 1],
    ]);
    const [masked, pooled] = answer.outputs.map((bytes) => [
      ...new Float32Array(Uint8Array.from(bytes).buffer),
    ]);
    expect([masked, pooled]).toEqual([[1, 0, 3], [4]]);
    await engine.close();
  });

  it("refuses a padding that changes an answer, or does not fit the model", async () => {
    const mean = await load(pooling("ReduceMean"));
    await expect(expectPadding(mean.loaded, mean.ports)).rejects.toMatchObject({
      code: Code.INVALID_ARGUMENT,
      message: expect.stringMatching(
        /^padding changes the answer to a request of length 3: output pooled differs/,
      ),
    });
    const uncut = await load(pooling("ReduceSum"), { ...padding, outputs: [] });
    await expect(expectPadding(uncut.loaded, uncut.ports)).rejects.toMatchObject({
      message: expect.stringContaining("output masked is [1, 3], padded [1, 4]"),
    });
    const absent = await load(pooling("ReduceSum"), {
      ...padding,
      inputs: [{ name: "y", axis: 1, value: 0 }],
    });
    await expect(expectPadding(absent.loaded, absent.ports)).rejects.toMatchObject({
      message: "padding names input y, the model has x, mask",
    });
  });
});
