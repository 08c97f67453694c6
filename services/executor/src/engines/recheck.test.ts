import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@infaas/runtime";
import {
  apartModels,
  fileOfMeeting,
  type MeetingModel,
  meetingModels,
  QUIET_AND_LOUD,
  X,
} from "../testing/meeting-models";
import type { Engine, EngineAnswer } from "./engine-port";
import { nativeEngines } from "./native-engine";
import { largestDifference } from "./tensor-difference";

const CALLERS = 16;
const TOLERANCE = 1e-4;
const WITHIN_MS = 20_000;

describe("queries that shared a batch, run again alone", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "recheck-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it.each(meetingModels)("end batching where rows meet: %s", async (_, model) => {
    const { engine, ask, alone } = await opened(model);
    await untilTrue(ask, () => engine.unbatchedReason !== null);
    expect(engine.unbatchedReason).toMatch(/^rows changed each other's answers: output 'y' of a request/);
    expect(engine.rechecks).toMatchObject({ differed: 1 });
    for (const [caller, bytes] of (await ask()).entries())
      expect(largestDifference("FP32", alone[caller % 2]!, bytes)).toBe(0);
    await engine.close();
  });

  it.each(apartModels)("leave batches as they are where rows keep apart: %s", async (_, model) => {
    const { engine, ask } = await opened(model);
    await untilTrue(ask, () => (engine.rechecks?.checked ?? 0) >= 3);
    expect(engine.rechecks).toMatchObject({ differed: 0 });
    expect(engine.unbatchedReason).toBeNull();
    await engine.close();
  });

  /** A model batched although nobody knows whether it may be; `ask` sends what two kinds of callers send, all at once. */
  async function opened({ inputs = [X], feeds = QUIET_AND_LOUD, ...model }: MeetingModel) {
    const path = join(folder, "model.onnx");
    await writeFile(path, fileOfMeeting({ inputs, ...model }));
    const limits = { queueRowsMax: 2 * CALLERS, queueBytesMax: 1 << 24, latency: [] };
    const cores = { threads: 1, concurrency: 1, maxBatch: CALLERS };
    const recheck = { tolerance: TOLERANCE, proven: false };
    const engine: Engine = await nativeEngines.open({
      path,
      ...cores,
      ...limits,
      batching: "inputs",
      recheck,
    });
    const dims = inputs.map(({ dims: declared }) => [1, ...((declared ?? []) as number[]).slice(1)]);
    const query = { rows: 1, dims, lane: 0, timeoutMs: null, signal: null };
    const one = async (caller: number) => copied(await engine.submit(feeds[caller % 2]!, query));
    const alone = [await one(0), await one(1)];
    return {
      engine,
      alone,
      ask: () => Promise.all(Array.from({ length: CALLERS }, (_, caller) => one(caller))),
    };
  }
});

function copied(answer: EngineAnswer): Uint8Array {
  const bytes = Uint8Array.from(answer.outputs[0]!);
  answer.release();
  return bytes;
}

async function untilTrue(ask: () => Promise<unknown>, check: () => boolean): Promise<void> {
  const untilMs = systemClock.nowMs() + WITHIN_MS;
  while (!check()) {
    if (systemClock.nowMs() > untilMs) throw new Error(`not so within ${WITHIN_MS} ms`);
    await ask();
  }
}
