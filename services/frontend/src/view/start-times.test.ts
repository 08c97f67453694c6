import { HostState } from "@infaas/api";
import { StartTimes } from "./start-times";

const { REQUESTED, STARTING, UP, GONE } = HostState;
const host = (state: HostState, changedEpochMs: number, name = "executor-1") => ({
  name,
  state,
  changedEpochMs,
});

describe("StartTimes", () => {
  it("is the time from a request to the host being up, of all those seen lately", () => {
    const times = new StartTimes();
    expect(times.time).toBeNull();
    for (const [startMs, upMs] of [
      [1_000, 3_500],
      [10_000, 11_000],
    ] as const) {
      times.take([host(REQUESTED, startMs)]);
      times.take([host(STARTING, startMs + 10)]);
      times.take([host(UP, upMs)]);
      times.take([host(UP, upMs)]);
    }
    expect(times.time).toEqual({ p50Ms: 1_000, p95Ms: 2_500 });
  });

  it("knows nothing of one whose request it did not see, or that did not come", () => {
    const times = new StartTimes();
    times.take([host(UP, 5_000)]);
    times.take([host(REQUESTED, 1_000, "executor-2")]);
    times.take([host(GONE, 9_000, "executor-2")]);
    times.take([host(UP, 9_500, "executor-2")]);
    expect(times.time).toBeNull();
  });

  it("forgets the longest once enough others were seen", () => {
    const times = new StartTimes();
    for (const tookMs of [90_000, 1, 2, 3, 4, 5, 6, 7, 8]) {
      times.take([host(REQUESTED, 0)]);
      times.take([host(UP, tookMs)]);
    }
    expect(times.time).toEqual({ p50Ms: 4, p95Ms: 8 });
  });
});
