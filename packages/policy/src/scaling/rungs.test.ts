import { buildCatalog } from "../catalog";
import { classDemand, hostPool, scaledHost, scalingFacts } from "../testing/scaling-facts";
import { pointsOf, variant } from "../testing/snapshots";
import type { ClassDemand } from "./capacity";
import { planScaling, SCALING_DEFAULTS } from "./plan-scaling";
import { freshMemory } from "./scaling-memory";

const OPTIONS = { ...SCALING_DEFAULTS, holdMs: 60_000, holdMaxMs: 600_000 };
/** Rows per second, accuracy and bytes of each. */
const of = (name: string, perSecond: number, accuracy: number, bytes: number) =>
  variant({
    name,
    accuracy,
    saturationPerSecond: perSecond,
    points: pointsOf(1_000 / perSecond),
    peakMemoryBytes: bytes,
  });
const catalog = buildCatalog({
  variants: [
    of("best", 50, 0.98, 60),
    of("next", 80, 0.96, 20),
    of("quick", 200, 0.94, 30),
    of("least", 400, 0.8, 5),
  ],
});
const BEST = { objective: "max-accuracy" } as const;

/** What is to be loaded on a host that holds these, and what no query may evict there. */
function planned(held: readonly string[], over: Partial<ClassDemand>, memoryBytes = 100) {
  const facts = scalingFacts({
    catalog,
    hosts: [{ ...scaledHost("executor-1", held), removable: new Set(held) }],
    demand: [classDemand(600, 60, over)],
    pool: hostPool(1, { memoryBytes }),
  });
  const { placements, retained, unloads } = planScaling(facts, freshMemory(OPTIONS, 0), OPTIONS);
  return {
    loads: placements.map(({ variant: name, because }) => `${name}: ${because}`),
    retained: [...(retained.get("executor-1") ?? [])],
    unloads: unloads.map(({ variant: name }) => name),
  };
}

describe("rungs of a plan", () => {
  it("are the most accurate variant that takes half the time, beside what asks for the best", () => {
    expect(planned(["best"], BEST).loads).toEqual([
      "quick: it answers what best has no time for, of 'digits/uci'",
    ]);
    expect(planned(["best", "quick"], BEST)).toEqual({ loads: [], retained: ["best", "quick"], unloads: [] });
  });

  it("are what fits beside the plan", () => {
    expect(planned(["best"], { ...BEST, minAccuracy: 0.7 }, 70).loads).toEqual([
      "least: it answers what best has no time for, of 'digits/uci'",
    ]);
  });

  it("are not below the floor, and none where it is forbidden or nothing is gained", () => {
    expect(planned(["best"], { ...BEST, minAccuracy: 0.95 }).loads).toEqual([]);
    expect(planned(["best"], { ...BEST, noDowngrade: true }).loads).toEqual([]);
    expect(planned(["least"], {}).loads).toEqual([]);
    expect(planned(["best"], BEST, 64).loads).toEqual([]);
  });

  it("wait for what is planned, and make room for it", () => {
    expect(planned([], BEST).loads).toEqual([
      "best: it is planned for 'digits/uci' on 1 hosts",
      "quick: it answers what best has no time for, of 'digits/uci'",
    ]);
    expect(planned(["quick", "next", "least"], BEST)).toMatchObject({ loads: [], unloads: ["quick"] });
  });
});
