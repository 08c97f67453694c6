import { type Clock, systemClock } from "@infaas/runtime";
import { planInSlices, SLICE_MAX_MS } from "./plan-in-slices";

describe("planInSlices", () => {
  it("returns what the plan becomes, and lets others have their turn after each slice", async () => {
    const order: string[] = [];
    let nowMs = 0;
    // Steps take their time by this clock; timers are real.
    const clock: Clock = { ...systemClock, nowMs: () => nowMs };
    function* planning(): Generator<undefined, string> {
      for (let step = 1; step <= 4; step++) {
        order.push(`step ${step}`);
        nowMs += SLICE_MAX_MS / 2;
        yield;
      }
      return "planned";
    }
    systemClock.setTimer(0, () => order.push("another"));
    expect(await planInSlices(planning(), clock)).toBe("planned");
    expect(order).toEqual(["step 1", "step 2", "another", "step 3", "step 4"]);
  });
});
