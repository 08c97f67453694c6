import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { analyseRows, decodeModel } from "@infaas/onnx";
import type { Engine } from "../../engines/engine-port";
import { nativeEngines } from "../../engines/native-engine";
import { largestDifference } from "../../engines/tensor-difference";
import {
  apartModels,
  fileOfMeeting,
  type MeetingModel,
  meetingModels,
  QUIET_AND_LOUD,
  X,
} from "../../testing/meeting-models";

const CALLERS = 64;
const TOLERANCE = 1e-5;

describe("rows that meet", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "rows-that-meet-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it.each(meetingModels)("are not batched: %s", async (_, model) => {
    const { proven, cause } = await served(model);
    expect([proven, cause?.verdict]).toEqual([false, "mixes"]);
  });

  it.each(apartModels)("are batched where each row has its own: %s", async (_, model) => {
    const { proven, largestBatch } = await served(model);
    expect(proven).toBe(true);
    expect(largestBatch).toBeGreaterThan(1);
  });

  it("differ in company, were they batched: a test of these models", async () => {
    const wrong = await Promise.all(
      meetingModels.map(async ([, model], index) => await inCompany(model, "inputs", index)),
    );
    expect(wrong.filter(({ largestDifference: worst }) => !(worst > TOLERANCE)).length).toBe(0);
  });

  /** Serves a model as its analysis says to many callers at once; all must be answered as they are alone. */
  async function served(model: MeetingModel) {
    const analysis = analyseRows(decodeModel(fileOfMeeting(model)));
    const answers = await inCompany(model, analysis.proven ? "inputs" : "never", -1);
    expect(answers.largestDifference).toBeLessThanOrEqual(TOLERANCE);
    return { proven: analysis.proven, cause: analysis.proven ? null : analysis.cause, ...answers };
  }

  async function inCompany(
    { inputs = [X], feeds = QUIET_AND_LOUD, ...model }: MeetingModel,
    batching: "inputs" | "never",
    index: number,
  ) {
    const path = join(folder, `model${index}.onnx`);
    await writeFile(path, fileOfMeeting({ inputs, ...model }));
    const limits = { queueRowsMax: 2 * CALLERS, queueBytesMax: 1 << 24, latency: [] };
    const engine = await nativeEngines.open({
      path,
      threads: 1,
      concurrency: 1,
      maxBatch: CALLERS,
      batching,
      ...limits,
    });
    const dims = inputs.map(({ dims: declared }) => [1, ...((declared ?? []) as number[]).slice(1)]);
    const alone: Uint8Array[] = [];
    for (const feed of feeds) alone.push((await ask(engine, feed, dims)).bytes);
    const asked = Array.from({ length: CALLERS }, (_, caller) => ask(engine, feeds[caller % 2]!, dims));
    const answers = await Promise.all(asked);
    await engine.close();
    const differences = answers.map(
      ({ bytes }, caller) => largestDifference("FP32", alone[caller % 2]!, bytes) ?? Number.POSITIVE_INFINITY,
    );
    return {
      largestDifference: Math.max(...differences),
      largestBatch: Math.max(...answers.map(({ batchSize }) => batchSize)),
    };
  }
});

async function ask(engine: Engine, inputs: readonly Buffer[], dims: readonly (readonly number[])[]) {
  const query = { rows: 1, dims, lane: 0, timeoutMs: null, signal: null };
  const answer = await engine.submit(inputs, query);
  const bytes = Uint8Array.from(answer.outputs[0]!);
  answer.release();
  return { bytes, batchSize: answer.batchSize };
}
