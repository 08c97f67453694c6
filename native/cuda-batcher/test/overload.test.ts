import { planBatch } from "../lib/testing";
import { seeded } from "./models";

const maxBatch = 32;
const latencyMs = Float64Array.from({ length: maxBatch + 1 }, (_, rows) =>
  rows === 0 ? 0 : 0.13 + 0.045 * rows,
);
const saturationPerMs = maxBatch / latencyMs[maxBatch]!;
const durationMs = 1500;
const windowRows = 128;

interface Waiting {
  readonly arrivalMs: number;
  readonly deadlineMs: number;
}

/** Serves a Poisson stream by planBatch in virtual time; runs take what the table says. */
function serve(load: number, timeoutMs: number) {
  const draws = seeded(500_000, 7);
  let draw = 0;
  const gapMs = () => -Math.log((draws[draw++ % draws.length]! + 1.0001) / 2.0002) / (saturationPerMs * load);
  let nowMs = 0;
  let nextMs = gapMs();
  let queue: Waiting[] = [];
  let good = 0;
  let lateRowMs = 0;
  let busyMs = 0;
  while (nowMs < durationMs) {
    for (; nextMs <= nowMs; nextMs += gapMs())
      queue.push({ arrivalMs: nextMs, deadlineMs: nextMs + timeoutMs });
    if (queue.length === 0) {
      nowMs = nextMs;
      continue;
    }
    const shown = queue.slice(0, windowRows);
    const plan = planBatch(
      nowMs,
      {
        arrivalMs: Float64Array.from(shown, (request) => request.arrivalMs),
        deadlineMs: Float64Array.from(shown, (request) => request.deadlineMs),
        rows: new Int32Array(shown.length).fill(1),
      },
      { latencyMs, hiddenRows: queue.length - shown.length, hiddenDeadlineMs: queue.at(-1)!.deadlineMs },
    );
    const runMs = latencyMs[plan.take.length]!;
    nowMs += runMs;
    busyMs += runMs;
    for (const index of plan.take) {
      if (shown[index]!.deadlineMs >= nowMs) good++;
      else lateRowMs += runMs / plan.take.length;
    }
    const gone = new Set([...plan.take, ...plan.drop]);
    queue = queue.filter((_, index) => !gone.has(index));
  }
  return { goodput: good / durationMs / saturationPerMs, lateShare: lateRowMs / busyMs };
}

describe("planBatch", () => {
  describe.each([5, 20, 50])("when every request has %i ms", (timeoutMs) => {
    it.each([
      [0.5, 0.48],
      [1, 0.95],
      [2, 0.95],
      [4, 0.95],
    ])(
      "at %fx saturation serves at least %f of saturation in time, and computes nothing late",
      (load, least) => {
        const { goodput, lateShare } = serve(load, timeoutMs);
        expect(goodput).toBeGreaterThan(least);
        expect(lateShare).toBeLessThan(0.01);
      },
    );
  });
});
