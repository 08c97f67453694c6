import { every, sleep, systemClock } from "./clock";
import { VirtualClock } from "./virtual-clock";

describe("VirtualClock", () => {
  it("fires timers in order of their due time, those of one time in the order they were set", async () => {
    const clock = new VirtualClock();
    const fired: string[] = [];
    clock.setTimer(30, () => fired.push(`c${clock.nowMs()}`));
    clock.setTimer(10, () => fired.push(`a${clock.nowMs()}`));
    clock.setTimer(10, () => fired.push(`b${clock.nowMs()}`));
    clock.setTimer(20, () => fired.push("never")).cancel();
    await clock.advance(25);
    expect(fired).toEqual(["a10", "b10"]);
    await clock.advance(5);
    expect(fired).toEqual(["a10", "b10", "c30"]);
  });

  it("fires what a fired timer sets, within the same advance", async () => {
    const clock = new VirtualClock();
    const at: number[] = [];
    const again = (): void => {
      at.push(clock.nowMs());
      clock.setTimer(10, again);
    };
    clock.setTimer(10, again);
    await clock.advance(45);
    expect(at).toEqual([10, 20, 30, 40]);
    expect(clock.nowMs()).toBe(45);
  });

  it("counts whole microseconds", async () => {
    const clock = new VirtualClock();
    const at: number[] = [];
    clock.setTimer(0.1 + 0.2, () => at.push(clock.nowMs()));
    clock.setTimer(0.3004, () => at.push(clock.nowMs()));
    await clock.advance(1);
    expect(at).toEqual([0.3, 0.3]);
  });

  it("runs, where timers settle promises alone, all that one settles before the next, and then tells of it", async () => {
    const told: string[] = [];
    const afterEach = () => void told.push(`after ${clock.nowMs()}`);
    const clock = new VirtualClock({ promisesOnly: true, afterEach });
    const chain = async (name: string) => {
      for (let step = 0; step < 20; step++) await null;
      told.push(name);
    };
    clock.setTimer(1, () => void chain("first"));
    clock.setTimer(2, () => void chain("second"));
    await clock.advance(2);
    expect(told).toEqual(["first", "after 1", "second", "after 2"]);
  });

  it("moves both of its times together", async () => {
    const clock = new VirtualClock();
    const epochMs = clock.epochMs();
    await clock.advance(1_000);
    expect(clock.epochMs() - epochMs).toBe(1_000);
  });
});

describe.each([
  ["systemClock", systemClock],
  ["VirtualClock", new VirtualClock()],
])("%s.soon", (_, clock) => {
  it("calls what it was given once the turn is over, in order", async () => {
    const called: string[] = [];
    clock.soon(() => called.push("first"));
    clock.soon(() => called.push("second"));
    expect(called).toEqual([]);
    await new Promise((turn) => setImmediate(turn));
    expect(called).toEqual(["first", "second"]);
  });
});

describe("sleep", () => {
  it("resolves when its time has come", async () => {
    const clock = new VirtualClock();
    let awake = false;
    const asleep = sleep(clock, 100).then(() => {
      awake = true;
    });
    await clock.advance(99);
    expect(awake).toBe(false);
    await clock.advance(1);
    await asleep;
    expect(awake).toBe(true);
  });

  it("resolves at once when its signal aborts, before or during", async () => {
    const clock = new VirtualClock();
    const controller = new AbortController();
    const asleep = sleep(clock, 1e9, controller.signal);
    controller.abort();
    await asleep;
    await sleep(clock, 1e9, controller.signal);
  });
});

describe("every", () => {
  it("runs once per period and goes on after a failure", async () => {
    const clock = new VirtualClock();
    const errors: unknown[] = [];
    let runs = 0;
    const timer = every(
      clock,
      10,
      () => {
        runs += 1;
        if (runs === 2) throw new Error("second");
      },
      (e) => errors.push(e),
    );
    await clock.advance(35);
    expect(runs).toBe(3);
    expect(errors).toHaveLength(1);
    timer.cancel();
    await clock.advance(100);
    expect(runs).toBe(3);
  });

  it("never overlaps a run that takes longer than the period", async () => {
    const clock = new VirtualClock();
    const starts: number[] = [];
    every(
      clock,
      10,
      async () => {
        starts.push(clock.nowMs());
        await sleep(clock, 25);
      },
      () => {},
    );
    await clock.advance(90);
    expect(starts).toEqual([10, 35, 60, 85]);
  });
});

describe("systemClock", () => {
  it("goes forward and fires", async () => {
    const startMs = systemClock.nowMs();
    await sleep(systemClock, 5);
    expect(systemClock.nowMs()).toBeGreaterThan(startMs);
    expect(Math.abs(systemClock.epochMs() - Date.now())).toBeLessThan(1_000);
  });
});
