import { paretoEfficient, planInitialPlacement } from "./pareto";
import { executor, pointsOf, variant } from "./testing/snapshots";

const small = variant({ name: "small", accuracy: 0.9, points: pointsOf(1), saturationPerSecond: 1000 });
const large = variant({ name: "large", accuracy: 0.98, points: pointsOf(20), saturationPerSecond: 50 });
const beaten = variant({ name: "beaten", accuracy: 0.89, points: pointsOf(2), saturationPerSecond: 500 });
const twin = variant({ name: "twin", accuracy: 0.9, points: pointsOf(1), saturationPerSecond: 1000 });

describe("paretoEfficient", () => {
  it("keeps what nothing else beats, and of equals the first by name", () => {
    const kept = paretoEfficient([beaten, twin, large, small], executor());
    expect(kept.map((v) => v.name)).toEqual(["large", "small"]);
  });
});

describe("planInitialPlacement", () => {
  it("spreads one instance of each efficient variant over the executors", () => {
    const executors = [executor({ name: "a", utilisation: 0.5 }), executor({ name: "b" })];
    expect(planInitialPlacement([large, small, beaten], executors)).toEqual({
      placements: [
        { variant: "small", executor: "b" },
        { variant: "large", executor: "a" },
      ],
      leftOut: [{ variant: "beaten", reason: "dominated" }],
    });
  });

  it("counts memory it has planned already", () => {
    const tight = executor({ memoryFreeBytes: 1.5e6 });
    expect(planInitialPlacement([large, small], [tight])).toEqual({
      placements: [{ variant: "small", executor: "host" }],
      leftOut: [{ variant: "large", reason: "no-room" }],
    });
  });

  it("counts instances that are placed already, so that single variants alternate", () => {
    const executors = [executor({ name: "a" }), executor({ name: "b" })];
    expect(planInitialPlacement([small], executors, new Map([["a", 1]])).placements).toEqual([
      { variant: "small", executor: "b" },
    ]);
  });

  it("says when there is no executor for it", () => {
    expect(planInitialPlacement([small], [executor({ accepting: false })])).toEqual({
      placements: [],
      leftOut: [{ variant: "small", reason: "no-executor" }],
    });
  });
});
