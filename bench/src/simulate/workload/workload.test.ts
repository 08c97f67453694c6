import { seededRandom } from "@infaas/runtime";
import { hygieneOf } from "./hygiene";
import { type TwitterFlavour, twitterRates } from "./twitter-like";
import { replayed, type WorkloadName, workloads, zipfShares } from "./workloads";

const SECONDS = 2_000;
const PER_SECOND = 50;
const cardOf = (name: WorkloadName, seed = 1) =>
  hygieneOf(workloads[name](PER_SECOND, SECONDS, seededRandom(seed)), SECONDS);

describe("workloads", () => {
  it.each([
    // Peak of the second over the mean, dispersion at 60 s: what the shape makes of a Poisson process.
    ["flat", 0.03, [1.3, 1.8], [0, 3]],
    ["ramp", 0.03, [1.7, 2.4], [100, 400]],
    ["steady", 0.03, [1.3, 1.9], [0, 5]],
    ["fluctuating", 0.03, [2.1, 2.8], [800, 1_400]],
    ["square", 0.03, [1.9, 2.5], [700, 1_300]],
    ["spikes", 0.03, [5, 6.5], [4_000, 6_100]],
    ["bursty", 0.5, [1.5, 3], [500, 2_000]],
  ] as const)("%s has the rate that is asked for, and its shape", (name, off, peak, dispersion) => {
    const card = cardOf(name);
    expect(Math.abs(card.perSecond / PER_SECOND - 1)).toBeLessThan(off);
    expect(card.peakOverMean).toBeGreaterThan(peak[0]);
    expect(card.peakOverMean).toBeLessThan(peak[1]);
    const at60 = card.dispersion.at(-1)?.[1] ?? 0;
    expect(at60).toBeGreaterThan(dispersion[0]);
    expect(at60).toBeLessThan(dispersion[1]);
    expect(card.warnings).toEqual([]);
  });

  it("gamma has gaps with the coefficient of variation that it is named for, and its dispersion over long windows is the square", () => {
    const { gapCv, perSecond, dispersion } = cardOf("gamma");
    expect(Math.abs(gapCv / 4 - 1)).toBeLessThan(0.1);
    expect(Math.abs(perSecond / PER_SECOND - 1)).toBeLessThan(0.1);
    const at10 = dispersion[1]?.[1] ?? 0;
    expect(Math.abs(at10 / 16 - 1)).toBeLessThan(0.3);
  });

  it("are the same for the same random numbers", () => {
    expect(cardOf("bursty", 7)).toEqual(cardOf("bursty", 7));
    expect(cardOf("bursty", 7)).not.toEqual(cardOf("bursty", 8));
  });
});

describe("twitterRates", () => {
  const DAYS = 60;
  const quantilesOf = (flavour: TwitterFlavour) => {
    const rates = [...twitterRates(flavour, DAYS * 1_440, seededRandom(1))].sort((a, b) => a - b);
    const at = (share: number) => rates[Math.floor(share * rates.length)] ?? 0;
    const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
    return { mean, p50: at(0.5), p95: at(0.95), p99: at(0.99) };
  };

  it.each(["full", "random-minutes"] as const)(
    "%s has the mean and the tail of the trace that it is like",
    (flavour) => {
      const { mean, p50, p95, p99 } = quantilesOf(flavour);
      expect(Math.abs(mean / 63.8 - 1)).toBeLessThan(0.06);
      expect(Math.abs(p50 / 52 - 1)).toBeLessThan(0.06);
      expect(Math.abs(p95 / 173 - 1)).toBeLessThan(0.25);
      expect(Math.abs(p99 / 245 - 1)).toBeLessThan(0.1);
    },
  );

  it("no-bursts is the baseline alone", () => {
    const { mean, p99 } = quantilesOf("no-bursts");
    expect(Math.abs(mean / 52.2 - 1)).toBeLessThan(0.02);
    expect(p99).toBeLessThan(90);
  });
});

describe("hygieneOf", () => {
  it("warns of gaps that are smoother than Poisson, and of arrivals bound to the clock", () => {
    const even = Array.from({ length: 1_200 }, (_, i) => i * 1_000);
    expect(hygieneOf(even, 1_200).warnings).toEqual([
      "its gaps are smoother than those of a Poisson process",
    ]);
    const minutes = Array.from({ length: 2_400 }, (_, i) => Math.floor(i / 120) * 60_000 + (i % 120) * 5);
    expect(hygieneOf(minutes, 1_200).warnings).toEqual(["its arrivals prefer a second of the minute"]);
  });
});

describe("zipfShares", () => {
  it("gives the nth a share of 1/n of the first, all together one", () => {
    const shares = zipfShares(22);
    expect((shares[0] ?? 0) / (shares[9] ?? 1)).toBeCloseTo(10);
    expect(shares.reduce((sum, share) => sum + share)).toBeCloseTo(1);
  });
});

describe("replayed", () => {
  it("has as many arrivals within each second as the trace says, rising", () => {
    const times = [...replayed("second,count\n0,2\n1,0\n2,3\n", seededRandom(1))];
    expect(times.map((atMs) => Math.floor(atMs / 1_000))).toEqual([0, 0, 2, 2, 2]);
    expect([...times].sort((a, b) => a - b)).toEqual(times);
  });

  it("refuses what is no count", () => {
    expect(() => [...replayed("3\n-1\n", seededRandom(1))]).toThrow(
      "line 2 of the trace is '-1'; allowed: a count of 0 or more",
    );
  });
});
