import type { Clock } from "@infaas/runtime";
import { LeaseTable } from "./lease-table";

/** A clock whose timers fire when they are due, or later, where the process was paused. */
function handClock() {
  let timers: { atMs: number; fire: () => void }[] = [];
  const clock = {
    now: 0,
    /** Goes on without a timer until then; those that are due fire at that time, latest due first. */
    pauseUntil: (nowMs: number) => {
      clock.now = nowMs;
      const due = timers.filter(({ atMs }) => atMs <= nowMs).sort((a, b) => b.atMs - a.atMs);
      timers = timers.filter((timer) => !due.includes(timer));
      for (const { fire } of due) fire();
    },
    runUntil: (nowMs: number) => {
      for (let atMs = clock.now; atMs <= nowMs; atMs += 1) clock.pauseUntil(atMs);
    },
    waiting: () => timers.length,
    nowMs: () => clock.now,
    soon: (task: () => void) => void timers.push({ atMs: clock.now, fire: task }),
    epochMs: () => clock.now,
    setTimer: (delayMs: number, fire: () => void) => {
      const timer = { atMs: clock.now + delayMs, fire };
      timers.push(timer);
      return {
        cancel: () => {
          timers = timers.filter((other) => other !== timer);
        },
      };
    },
  };
  return clock satisfies Clock & object;
}

describe("LeaseTable", () => {
  const setUp = () => {
    const clock = handClock();
    const ended: string[] = [];
    const table: LeaseTable = new LeaseTable(clock, (id) => {
      ended.push(id);
      table.stop(id);
    });
    return { clock, ended, table };
  };

  it("ends a lease at the end of its life, not before", () => {
    const { clock, ended, table } = setUp();
    table.start({ id: "a", ttlMs: 1000 });
    clock.runUntil(999);
    expect(ended).toEqual([]);
    clock.runUntil(1000);
    expect(ended).toEqual(["a"]);
    clock.runUntil(2000);
    expect(clock.waiting()).toBe(0);
  });

  it("forgives a pause of its own process, however long, and ends what is not renewed after it", () => {
    const { clock, ended, table } = setUp();
    for (const id of ["a", "b"]) table.start({ id, ttlMs: 1000 });
    clock.runUntil(500);
    clock.pauseUntil(60_000);
    expect(ended).toEqual([]);
    clock.runUntil(60_100);
    table.renew("a");
    clock.runUntil(61_000);
    expect(ended).toEqual(["b"]);
    clock.runUntil(61_100);
    expect(ended).toEqual(["b", "a"]);
  });

  it("does not take a late timer for a pause", () => {
    const { clock, ended, table } = setUp();
    table.start({ id: "a", ttlMs: 1000 });
    for (let atMs = 200; atMs <= 1_200; atMs += 200) clock.pauseUntil(atMs);
    expect(ended).toEqual(["a"]);
  });

  it("forgets a lease that was stopped", () => {
    const { clock, ended, table } = setUp();
    table.start({ id: "a", ttlMs: 1000 });
    table.stop("a");
    clock.runUntil(2000);
    expect([ended, table.has("a")]).toEqual([[], false]);
  });
});
