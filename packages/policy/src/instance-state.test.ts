import { FRESH_STATE, nextState, type StateWindow } from "./instance-state";
import { pointsOf, variant } from "./testing/snapshots";

const { profile } = variant({ name: "v", points: pointsOf(10), saturationPerSecond: 100 });
const run = (windows: readonly Partial<StateWindow>[]) => {
  let track = FRESH_STATE;
  return windows.map((w) => {
    const usual = { offeredPerSecond: 10, overdueMs: 0, instances: 1, p95Ms: 10, batch: 1, batches: 20 };
    track = nextState(track, { ...usual, ...w }, profile);
    return track.state;
  });
};

describe("nextState", () => {
  it("is overloaded from the saturation throughput of all instances on, and back below it", () => {
    const windows = [
      { offeredPerSecond: 99 },
      { offeredPerSecond: 100 },
      { offeredPerSecond: 100, instances: 2 },
    ];
    expect(run(windows)).toEqual(["active", "overloaded", "active"]);
  });

  it("is overloaded while its queue takes longer than an objective, whatever it serves", () => {
    expect(run([{ overdueMs: -5 }, { overdueMs: 5 }, { overdueMs: 0 }])).toEqual([
      "active",
      "overloaded",
      "active",
    ]);
  });

  it("is interfered after two slow windows in a row, measured at the batch that ran", () => {
    expect(run([{ p95Ms: 16 }, { p95Ms: 12 }, { p95Ms: 16 }, { p95Ms: 16 }])).toEqual([
      "active",
      "active",
      "active",
      "interfered",
    ]);
    expect(
      run([
        { p95Ms: 70, batch: 8 },
        { p95Ms: 70, batch: 8 },
      ]),
    ).toEqual(["active", "active"]);
  });

  it("is not interfered by slow windows of a few batches, and cleared by quick ones", () => {
    const slow = { p95Ms: 40 };
    const few = { p95Ms: 40, batches: 19 };
    expect(run([few, few, few, slow, few, slow, slow])).toEqual([...Array(6).fill("active"), "interfered"]);
    expect(run([slow, slow, { batches: 2 }, { batches: 2 }]).at(-1)).toBe("active");
  });

  it("stays interfered between both factors and is cleared after two quick windows", () => {
    const slow = { p95Ms: 16 };
    const states = run([slow, slow, { p95Ms: 14 }, { p95Ms: 12 }, { p95Ms: null }, { p95Ms: 12 }]);
    expect(states).toEqual(["active", "interfered", "interfered", "interfered", "interfered", "active"]);
  });

  it("forgets interference after five windows in which nothing ran", () => {
    const slow = { p95Ms: 16 };
    const nothing = { p95Ms: null };
    const states = run([slow, slow, nothing, nothing, slow, ...Array(5).fill(nothing)]);
    expect(states.slice(1)).toEqual([...Array(8).fill("interfered"), "active"]);
  });

  it("calls it overloaded while both are true", () => {
    const both = { p95Ms: 16, offeredPerSecond: 120 };
    expect(run([both, both, { p95Ms: 16 }])).toEqual(["overloaded", "overloaded", "interfered"]);
  });
});
