import type { Clock } from "@infaas/runtime";
import { LeaseTable } from "./lease-table";

/** A clock whose timers are fired by hand, at whatever time it then is. */
function handClock() {
  const timers: (() => void)[] = [];
  const clock = {
    now: 0,
    fire: () => {
      for (const fire of timers.splice(0)) fire();
    },
    waiting: () => timers.length,
    nowMs: () => clock.now,
    epochMs: () => clock.now,
    setTimer: (_delayMs: number, fire: () => void) => {
      timers.push(fire);
      return { cancel: () => void timers.splice(timers.indexOf(fire), 1) };
    },
  };
  return clock satisfies Clock & object;
}

describe("LeaseTable", () => {
  it("ends a lease whose timer fired too early", () => {
    const clock = handClock();
    const ended: string[] = [];
    const table = new LeaseTable(clock, (id) => ended.push(id));
    table.start({ id: "a", ttlMs: 1000 });
    clock.now = 999.4;
    clock.fire();
    expect([ended, clock.waiting()]).toEqual([[], 1]);
    clock.now = 1000;
    clock.fire();
    expect([ended, table.isDue("a")]).toEqual([["a"], true]);
  });

  it("forgets a lease that was stopped", () => {
    const clock = handClock();
    const ended: string[] = [];
    const table = new LeaseTable(clock, (id) => ended.push(id));
    table.start({ id: "a", ttlMs: 1000 });
    table.stop("a");
    clock.now = 2000;
    clock.fire();
    expect([ended, table.has("a")]).toEqual([[], false]);
  });
});
