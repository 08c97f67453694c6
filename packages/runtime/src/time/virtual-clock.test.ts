import { VirtualClock } from "./virtual-clock";

describe("VirtualClock", () => {
  it("lets time pass before a timer fires that waits for less than a microsecond", async () => {
    const clock = new VirtualClock();
    await clock.advance(0.1);
    // 0.30000000000000004: a little is left at 0.3.
    const dueMs = clock.nowMs() + 0.2;
    let arms = 0;
    const arm = (delayMs: number) => {
      clock.setTimer(delayMs, () => {
        const leftMs = dueMs - clock.nowMs();
        if (leftMs > 0 && ++arms < 10) arm(leftMs);
      });
    };
    arm(0.2);
    await clock.advance(1);
    expect(arms).toBe(1);
  });

  it("fires what waits for nothing at the time that it is", async () => {
    const clock = new VirtualClock();
    const fired: number[] = [];
    clock.setTimer(0, () => fired.push(clock.nowMs()));
    await clock.advance(1);
    expect(fired).toEqual([0]);
  });
});
