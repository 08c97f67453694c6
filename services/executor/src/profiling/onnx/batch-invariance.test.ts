import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@infaas/runtime";
import { convolutionModel, crossRowModel, denseModel } from "../../testing/dense-models";
import { referenceEngines } from "../../testing/onnxruntime-reference";
import { type Invariance, probeBatchInvariance } from "./batch-invariance";
import { encodeModel, type OnnxModel } from "./model-file";
import { ModelRunner, withRunner } from "./model-runner";
import { randomRows } from "./random-rows";
import { readSignature } from "./signature";

describe("probeBatchInvariance", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "invariance-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function probe(model: OnnxModel): Promise<Invariance> {
    const path = join(folder, "model.onnx");
    await writeFile(path, encodeModel(model));
    const { inputs, outputs } = readSignature(model);
    const rows = randomRows(inputs);
    const open = ModelRunner.open(referenceEngines, rows, { path, threads: 1, concurrency: 1, maxBatch: 64 });
    return await withRunner(open, (runner) =>
      probeBatchInvariance({ runner, rows, outputs, maxBatch: 64, clock: systemClock }),
    );
  }

  it.each([
    ["dense layers", denseModel([64, 128, 10])],
    ["convolutions", convolutionModel({ channels: 8, size: 8 })],
  ])("finds that %s answer a row the same alone and among others", async (_, model) => {
    expect(await probe(model)).toEqual({ invariant: true, worstDifference: expect.any(Number) });
  });

  it("finds a model whose rows depend on each other although its first axis is free", async () => {
    const reason = expect.stringMatching(
      /^output y of a row differs by .* alone and among 2 rows; 0.00001 is allowed$/,
    );
    expect(await probe(crossRowModel(4))).toEqual({ invariant: false, reason });
  });
});
