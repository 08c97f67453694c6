import { seededRandom } from "@infaas/runtime";
import { type Replay, type ReplayOptions, replayScaling } from "../testing/scaling-replay";

/** Hosts and objective of `infaas demo scale`. */
const HOSTS = { hostPerSecond: 44.3, latencyMs: 1_000, startMs: 2_500, minHosts: 1, maxHosts: 3 };
const replayed = (o: Pick<ReplayOptions, "holdMs" | "loadAt" | "seconds">, seed: number) =>
  replayScaling({ ...HOSTS, ...o, random: seededRandom(seed) });

describe.each([1, 2, 3, 4])(
  "hosts under 0.3x, 2.2x and 0.3x of what one gives, arrivals of seed %i",
  (seed) => {
    const [RISE, FALL, END] = [30, 90, 200];
    let replay: Replay;
    beforeAll(() => {
      const loadAt = (seconds: number) => (seconds >= RISE && seconds < FALL ? 2.2 : 0.3);
      replay = replayed({ holdMs: 10_000, seconds: END, loadAt }, seed);
    });

    it("stay one while one is enough", () => {
      expect(new Set(replay.hosts.slice(0, RISE))).toEqual(new Set([1]));
    });

    it("are three once two seconds of the rise are known", () => {
      expect(replay.hosts[RISE + 2]).toBe(3);
      expect(replay.hosts[FALL]).toBe(3);
      // Until it came: a start, a load and what had waited meanwhile.
      expect(Math.min(...replay.inTime.slice(RISE + 10, FALL))).toBeGreaterThan(0.9);
    });

    it("are one again a hold after the fall, and stay so", () => {
      expect(replay.hosts.slice(FALL + 30)).toEqual(replay.hosts.slice(FALL + 30).fill(1));
      expect(replay.changes.map(({ kind }) => kind)).toEqual(["start", "start", "drain", "drain"]);
    });
  },
);

/** Most rises within ten minutes, after the second, that had hosts started: others had been let go before. */
function mostReversals({ changes }: Replay, period: number): number {
  const starts = changes.filter(({ kind, atSeconds }) => kind === "start" && atSeconds > 2 * period);
  const rises = [...new Set(starts.map(({ atSeconds }) => Math.floor(atSeconds / period) * period))];
  return Math.max(0, ...rises.map((from) => rises.filter((at) => at >= from && at < from + 600).length));
}

describe.each([
  [60, 30],
  [60, 120],
  [60, 150],
  [10, 30],
])("a hold of %i s under a load that rises and falls every %i s", (hold, period) => {
  const loadAt = (seconds: number) => (seconds % period < period / 2 ? 0.3 : 2.2);

  it("is reversed once in ten minutes at most, after the second period", () => {
    const replay = replayed({ holdMs: hold * 1_000, seconds: 1_000, loadAt }, 7);
    expect(replay.changes.length).toBeGreaterThanOrEqual(2);
    expect(mostReversals(replay, period)).toBeLessThanOrEqual(1);
  });
});
