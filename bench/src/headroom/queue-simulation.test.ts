import { HEADROOM_AXES, headroom } from "@infaas/policy";
import { seededRandom } from "@infaas/runtime";
import { drawGaps, lateShares, lateSharesOf } from "./queue-simulation";

const ARRIVALS = 100_000;

/** P(wait > t) of M/M/c (Erlang C), times in mean services. */
function erlangLate(servers: number, utilisation: number, threshold: number): number {
  const load = servers * utilisation;
  let [term, sum] = [1, 1];
  for (let k = 1; k < servers; k++) {
    term *= load / k;
    sum += term;
  }
  const last = (term * load) / servers / (1 - utilisation);
  return (last / (sum + last)) * Math.exp(-threshold * servers * (1 - utilisation));
}

describe("drawGaps", () => {
  it.each([0.25, 1, 4])("have mean 1 and variation %p", (variation) => {
    const gaps = drawGaps(ARRIVALS, variation, seededRandom(1));
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length;
    expect(mean).toBeCloseTo(1, 1);
    expect(Math.abs(Math.sqrt(variance) / mean / variation - 1)).toBeLessThan(0.05);
  });
});

describe("lateSharesOf", () => {
  const gaps = drawGaps(ARRIVALS, 1, seededRandom(2));
  const services = drawGaps(ARRIVALS, 1, seededRandom(3));
  it.each([
    [1, 0.5],
    [4, 0.7],
    [16, 0.9],
  ])(
    "of exponential services at %p servers and utilisation %p are those of Erlang's formula",
    (servers, utilisation) => {
      const late = lateSharesOf({ servers, utilisation, gaps }, services, [0, 0.5]);
      for (const [i, threshold] of [0, 0.5].entries()) {
        const exact = erlangLate(servers, utilisation, threshold);
        expect(Math.abs((late[i] ?? 0) - exact)).toBeLessThan(0.1 * exact + 0.005);
      }
    },
  );
});

describe("lateShares", () => {
  const gaps = drawGaps(20_000, 2, seededRandom(4));
  it.each([1, 3, 8])("are those of the general queue with equal services, at %p servers", (servers) => {
    const queue = { servers, utilisation: 0.7, gaps };
    const equal = new Float64Array(gaps.length).fill(1);
    expect(lateShares(queue, [0, 1, 3])).toEqual(lateSharesOf(queue, equal, [0, 1, 3]));
  });

  it("are within what the table of the planner allows, which was made with other draws", () => {
    const { servers, gapVariations } = HEADROOM_AXES;
    const fresh = gapVariations.map((variation) => drawGaps(ARRIVALS, variation, seededRandom(5)));
    for (const [v, gapVariation] of gapVariations.slice(0, 4).entries()) {
      for (const of of servers.filter((count) => count === 1 || count === 8)) {
        const utilisation = headroom({ servers: of, objectivePerService: 4, gapVariation }, 1);
        if (utilisation < 0.05) continue;
        const [late = 1] = lateShares({ servers: of, utilisation, gaps: fresh[v] as Float64Array }, [3]);
        expect(late).toBeLessThan(0.02);
        // Steady arrivals are all in time up to the edge of the table, and then none is.
        if (gapVariation >= 1) expect(late).toBeGreaterThan(0.002);
      }
    }
  });
});
