import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeModel, findQuantizable, type OnnxModel, readSignature } from "@infaas/onnx";
import { convolutionModel, denseModel } from "@infaas/onnx/testing/dense-models";
import { systemClock } from "@infaas/runtime";
import { largestDifference } from "../../engines/tensor-difference";
import { referenceEngines } from "../../testing/onnxruntime-reference";
import { ModelRunner, withRunner } from "../onnx/model-runner";
import { randomRows } from "../onnx/random-rows";
import { calibrate } from "./calibration";
import { activationsToCalibrate, quantizeModel } from "./quantize-model";

/** Outputs of the fixtures lie within 4; int8 keeps about two digits of them. */
const INT8_ERROR_MAX = 0.1;
const ROWS = 40;

describe("quantizeModel", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "quantize-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const rowsOf = (model: OnnxModel) => randomRows(readSignature(model).inputs);

  async function quantize(model: OnnxModel): Promise<OnnxModel> {
    const nodes = findQuantizable(model.graph, { steadyOnly: true });
    const activations = activationsToCalibrate(nodes);
    const path = join(folder, "calibration.onnx");
    const ranges = await calibrate({
      model,
      activations,
      rows: rowsOf(model),
      engines: referenceEngines,
      clock: systemClock,
      path,
    });
    return quantizeModel({ model, nodes, ranges, weightLimit: 64 });
  }

  /** Answers of rows run alone, in order, then of the same rows run as one batch. */
  async function answers(model: OnnxModel): Promise<{ alone: Buffer; together: Buffer }> {
    const path = join(folder, "model.onnx");
    await writeFile(path, encodeModel(model));
    const open = ModelRunner.open(referenceEngines, rowsOf(model), {
      path,
      threads: 1,
      concurrency: 1,
      maxBatch: ROWS,
    });
    return await withRunner(open, async (runner) => {
      const rows = Array.from({ length: ROWS }, (_, row) => row);
      const alone: Uint8Array[] = [];
      for (const row of rows) alone.push((await runner.run([row])).outputs[0]!);
      return { alone: Buffer.concat(alone), together: Buffer.from((await runner.run(rows)).outputs[0]!) };
    });
  }

  describe.each([
    ["dense layers", denseModel([64, 128, 64, 10])],
    ["convolutions", convolutionModel({ channels: 16, size: 12 })],
  ])("of %s", (_, model) => {
    it("answers nearly as before", async () => {
      const full = await answers(model);
      const int8 = await answers(await quantize(model));
      expect(largestDifference("FP32", full.alone, int8.alone)).toBeLessThan(INT8_ERROR_MAX);
    });

    it("answers a row bit for bit the same alone and among others", async () => {
      const { alone, together } = await answers(await quantize(model));
      expect(together.equals(alone)).toBe(true);
    });

    it("is less than half as large and leaves the model it was given as it was", async () => {
      const before = encodeModel(model);
      const int8 = encodeModel(await quantize(model));
      expect(int8.length).toBeLessThan(before.length / 2);
      expect(encodeModel(model)).toEqual(before);
    });
  });
});
