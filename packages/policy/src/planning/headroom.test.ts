import { HEADROOM_AXES, headroom } from "./headroom";
import { HEADROOM_CELLS } from "./headroom-cells";

const { lateShares, gapVariations, servers, objectives } = HEADROOM_AXES;

describe("headroom", () => {
  it("has a cell for every value of its axes", () => {
    expect(HEADROOM_CELLS).toHaveLength(lateShares.length);
    for (const ofShare of HEADROOM_CELLS) {
      expect(ofShare).toHaveLength(gapVariations.length);
      for (const ofVariation of ofShare) {
        expect(ofVariation).toHaveLength(servers.length);
        for (const row of ofVariation) expect(row).toHaveLength(objectives.length);
      }
    }
  });

  // Of M/D/1: nobody waits with probability 1 − utilisation.
  it("lets as many wait as may be late, where the objective leaves no time to", () => {
    const alone = { servers: 1, objectivePerService: 1, gapVariation: 1 };
    expect(headroom(alone, 0)).toBeCloseTo(0.1, 2);
    expect(headroom(alone, 1)).toBeCloseTo(0.01, 2);
  });

  it.each([
    ["servers", { servers: 32 }],
    ["a longer objective", { objectivePerService: 20 }],
    ["steadier arrivals", { gapVariation: 0.25 }],
  ])("allows more with %s", (_, over) => {
    const usual = { servers: 4, objectivePerService: 3, gapVariation: 1 };
    expect(headroom({ ...usual, ...over }, 1)).toBeGreaterThan(headroom(usual, 1));
    expect(headroom(usual, 0)).toBeGreaterThan(headroom(usual, 2));
  });

  it("lies between the cells, and at the edge beyond them", () => {
    const at = (of: number) => headroom({ servers: of, objectivePerService: 3, gapVariation: 1 }, 1);
    expect(at(6)).toBeGreaterThan(at(4));
    expect(at(6)).toBeLessThan(at(8));
    expect(at(1_000)).toBe(at(64));
  });
});
