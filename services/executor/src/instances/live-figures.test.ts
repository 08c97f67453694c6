import { VirtualClock } from "@infaas/runtime";
import type { EngineAnswer } from "../engines/engine-port";
import { LiveFigures } from "./live-figures";

const answerOf = (batchId: number, batchSize: number, runMs: number): EngineAnswer => ({
  outputs: [],
  outputDims: [],
  batchId,
  batchSize,
  queueMs: 9,
  gatherMs: 5,
  runMs,
  scatterMs: 7,
  release: () => undefined,
});

describe("LiveFigures", () => {
  it("counts every answer's rows, but a batch once, by what its run took", async () => {
    const clock = new VirtualClock();
    const figures = new LiveFigures(clock);
    for (let i = 0; i < 4; i++) figures.answered("v", 2, answerOf(1, 8, 3));
    figures.answered("v", 2, answerOf(2, 2, 1));
    await clock.advance(1_000);
    const [, { servedRows, recent }] = [...figures.entries()][0]!;
    expect(servedRows).toBe(10);
    expect(recent.summary(clock.nowMs())).toEqual({ p95Ms: 1, batchRows: 5 });
  });
});
