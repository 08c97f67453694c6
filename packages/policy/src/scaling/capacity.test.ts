import { buildCatalog } from "../catalog";
import { classDemand } from "../testing/scaling-facts";
import { executor, pointsOf, variant } from "../testing/snapshots";
import { adequateEntries, type ClassDemand, columnOf } from "./capacity";

const host = executor({ cores: 1 });
const other = variant({ name: "other", task: "other" });
const measuredElsewhere = { ...other, profile: { ...other.profile, hostType: "large-cpu" } };
const catalog = buildCatalog({
  variants: [
    variant({ name: "cheap", accuracy: 0.9, saturationPerSecond: 2_000, points: pointsOf(0.5) }),
    variant({ name: "exact", accuracy: 0.98, saturationPerSecond: 400, points: pointsOf(2.5) }),
    measuredElsewhere,
    variant({ name: "large", accuracy: 0.99, saturationPerSecond: 9_000, threads: 8 }),
  ],
});
const demand = (over: Partial<ClassDemand> = {}) => classDemand(30, 1, over);
const nameOf = (over: Partial<ClassDemand>) => columnOf(catalog, host, demand(over))?.entry.variant.name;

describe("columnOf", () => {
  it.each<[string, Partial<ClassDemand>, string | undefined]>([
    ["the cheapest", {}, "cheap"],
    ["the cheapest that is accurate enough", { minAccuracy: 0.95 }, "exact"],
    ["the most accurate that fits the host", { objective: "max-accuracy" }, "exact"],
    ["the fastest", { objective: "min-latency" }, "cheap"],
    ["none whose cores the host lacks", { minAccuracy: 0.985 }, undefined],
    ["none that is too slow even alone", { minAccuracy: 0.95, latencyMs: 2 }, undefined],
    ["none that was measured on other hosts only", { target: { kind: "variant", name: "other" } }, undefined],
    ["none for a name that nobody knows", { target: { kind: "task", name: "x" } }, undefined],
  ])("takes %s", (_, over, name) => {
    expect(nameOf(over)).toBe(name);
  });

  it("counts saturation throughput where time is no matter", () => {
    expect(columnOf(catalog, host, demand())?.rowsPerSecond).toBe(2_000);
  });

  it("counts only batches that leave a query its objective", () => {
    const points = [1, 8, 64].map((batch) => ({
      batch,
      p50Ms: 4 + batch,
      p95Ms: 4 + batch,
      p99Ms: 4 + batch,
    }));
    const one = buildCatalog({ variants: [variant({ name: "v", points, saturationPerSecond: 941 })] });
    const rate = (latencyMs: number) => columnOf(one, host, demand({ latencyMs }))?.rowsPerSecond;
    expect(rate(200)).toBeCloseTo(941);
    expect(rate(30)).toBeCloseTo(8_000 / 12);
    expect(rate(6)).toBeCloseTo(1_000 / 5);
  });
});

describe("adequateEntries", () => {
  it("are those that are accurate enough and in time for the rows of a query", () => {
    const names = (over: Partial<ClassDemand>) =>
      adequateEntries(catalog, demand(over)).map((e) => e.variant.name);
    expect(names({ minAccuracy: 0.95 })).toEqual(["large", "exact"]);
    expect(names({ latencyMs: 20, rowsPerQuery: 16 })).toEqual(["large", "cheap"]);
  });
});
