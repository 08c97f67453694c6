import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeModel, encodeModel, type OnnxModel, readInputs, readSignature } from "@infaas/onnx";
import { convolutionModel, crossRowModel, denseModel } from "@infaas/onnx/testing/dense-models";
import { systemClock } from "@infaas/runtime";
import { nativeEngines } from "../../engines/native-engine";
import { apartModels, fileOfMeeting, type MeetingModel, meetingModels } from "../../testing/meeting-models";
import { referenceEngines } from "../../testing/onnxruntime-reference";
import { type Invariance, probeBatchInvariance, probeExtremeRows } from "./batch-invariance";
import { extremeRows } from "./extreme-rows";
import { ModelRunner, withRunner } from "./model-runner";
import { randomRows } from "./random-rows";

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

describe("probeExtremeRows", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "extremes-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function probe(model: MeetingModel): Promise<Invariance> {
    const path = join(folder, "model.onnx");
    const file = fileOfMeeting(model);
    await writeFile(path, file);
    const inputs = readInputs(decodeModel(file));
    const rows = randomRows(inputs);
    const outputs = [{ name: "y", datatype: "FP32", shape: [-1, -1] }] as const;
    const open = ModelRunner.open(nativeEngines, rows, { path, threads: 1, concurrency: 1, maxBatch: 64 });
    return await withRunner(open, (runner) => {
      const extremes = extremeRows(inputs, rows);
      return probeExtremeRows({ runner, rows, extremes, outputs, maxBatch: 64, clock: systemClock });
    });
  }

  it.each(meetingModels.filter(([kind]) => /^(scaled|clipped|multiplied|divided)/.test(kind)))(
    "finds what ordinary rows do not show: %s",
    async (_, model) => {
      const reason = expect.stringMatching(/^output y of a row differs .*, beside rows of extreme values$/);
      expect(await probe(model)).toEqual({ invariant: false, reason });
    },
  );

  it.each(apartModels)("leaves alone what keeps rows apart: %s", async (_, model) => {
    expect(await probe(model)).toMatchObject({ invariant: true });
  });
});
