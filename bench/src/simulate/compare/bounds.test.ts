import { boundsOf } from "./bounds";
import { hostTypes, modelsOf } from "./models";
import type { Scenario } from "./scenario";

const { host } = hostTypes.gpu;
const [full] = modelsOf(1, "gpu");
const scenario: Scenario = {
  name: "test",
  variants: full === undefined ? [] : [full],
  classes: [{ target: "architecture-1", share: 1, latencyMs: 50, minAccuracy: null, objective: "min-cost" }],
  ...({ workload: "flat", perSecond: 0, seconds: 0, warmupSeconds: 0, maxHosts: 9 } as const),
  host,
  bootMs: 20_000,
};
/** Queries that keep one host busy for a second: batches of eight. */
const perHost = 8_000 / (2.7 + 8 * 1.19);
const usd = (hostSeconds: number) => (hostSeconds * host.pricePerHourUsd) / 3_600;
const hosts = (...load: readonly number[]) => [load.map((n) => n * perHost)];

describe("boundsOf", () => {
  it("pays for whole hosts, where the fluid pays for what is used", () => {
    const { fluidUsd, oracleUsd } = boundsOf(scenario, hosts(...new Array(100).fill(1.5)), 1);
    expect(fluidUsd / usd(150)).toBeCloseTo(1, 6);
    expect(oracleUsd / usd(200)).toBeCloseTo(1, 1);
    expect(oracleUsd).toBeLessThanOrEqual(usd(200));
  });

  it("keeps a host through a gap that is shorter than its start, and starts it again after a longer one", () => {
    const gap = (seconds: number) =>
      hosts(...new Array(20).fill(2), ...new Array(seconds).fill(0.5), ...new Array(20).fill(2));
    const beyond = (seconds: number) => boundsOf(scenario, gap(seconds), 1).oracleUsd - usd(40 + seconds);
    expect(beyond(10) / usd(40 + 10)).toBeCloseTo(1, 1);
    // A start takes 20 s, and 1.1 s to load.
    expect(beyond(90) / usd(40 + 21.1)).toBeCloseTo(1, 1);
  });

  it("leaves a short peak out where so many may be violated", () => {
    const peak = hosts(...new Array(99).fill(0.5), 3);
    const { oracleUsd } = boundsOf(scenario, peak, 0.95);
    expect(oracleUsd / usd(100)).toBeCloseTo(1, 6);
    expect(boundsOf(scenario, peak, 1).oracleUsd).toBeGreaterThan(usd(120));
  });

  it("is the fluid at most, and rises with the attainment", () => {
    const load = hosts(...Array.from({ length: 200 }, (_, at) => 2 + 2 * Math.sin(at / 10)));
    let before = 0;
    for (const attainment of [0.5, 0.8, 0.95, 0.99, 1]) {
      const { fluidUsd, oracleUsd } = boundsOf(scenario, load, attainment);
      expect(oracleUsd).toBeGreaterThanOrEqual(fluidUsd);
      expect(oracleUsd).toBeGreaterThanOrEqual(before);
      before = oracleUsd;
    }
  });
});
