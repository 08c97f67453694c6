import { admitColdWait, budgetOf, COLD_WAIT_BOUNDS, laneOf } from "./admission";

describe("budgetOf", () => {
  it.each([
    [
      { deadlineMs: null, sloLatencyMs: null, timeoutMs: null },
      { remainingMs: null, boundBy: null },
    ],
    [
      { deadlineMs: 50, sloLatencyMs: 40, timeoutMs: null },
      { remainingMs: 35, boundBy: "slo" },
    ],
    [
      { deadlineMs: 20, sloLatencyMs: 40, timeoutMs: 30 },
      { remainingMs: 20, boundBy: "deadline" },
    ],
    [
      { deadlineMs: null, sloLatencyMs: 40, timeoutMs: 3 },
      { remainingMs: -2, boundBy: "timeout" },
    ],
  ])("of %o after 5 ms is %o", (limits, budget) =>
    expect(budgetOf({ ...limits, spentMs: 5 })).toEqual(budget),
  );
});

describe("laneOf", () => {
  it.each([
    [0, 1],
    [1, 0],
    [2, 1],
    [3, 2],
    [99, 2],
  ])("puts priority %i into lane %i", (priority, lane) => expect(laneOf(priority)).toBe(lane));
});

describe("admitColdWait", () => {
  const quiet = {
    waitingForVariant: 0,
    waitingTotal: 0,
    expectedWaitMs: 800,
    serviceMs: 10,
    remainingMs: 1000,
    unstatedMaxMs: 30_000,
  };

  it("waits until the last moment from which the answer is still in time", () => {
    expect(admitColdWait(quiet)).toEqual({ kind: "wait", waitMaxMs: 990 });
    expect(admitColdWait({ ...quiet, remainingMs: null })).toEqual({ kind: "wait", waitMaxMs: 30_000 });
  });

  it.each([
    ["the queue of the variant is full", { waitingForVariant: COLD_WAIT_BOUNDS.perVariant }, "queue-full"],
    ["all queues together are full", { waitingTotal: COLD_WAIT_BOUNDS.total }, "queue-full"],
    ["the load ends too late", { remainingMs: 805 }, "too-late"],
  ])("refuses when %s", (_, over, reason) => {
    expect(admitColdWait({ ...quiet, ...over })).toEqual({ kind: "refuse", reason, retryAfterMs: 800 });
  });
});
