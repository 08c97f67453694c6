import { RecentWindow } from "./recent-window";

describe("RecentWindow", () => {
  it("says nothing before a window is complete", () => {
    const window = new RecentWindow(1_000, 0);
    window.record(5, 1, 10);
    expect(window.summary(999)).toBeNull();
  });

  it("summarises the last complete window", () => {
    const window = new RecentWindow(1_000, 0);
    for (let i = 1; i <= 100; i += 1) window.record(i, i <= 50 ? 2 : 4, i);
    expect(window.summary(1_000)).toEqual({ p95Ms: 95, batchRows: 3 });
  });

  it("forgets a window that is long over", () => {
    const window = new RecentWindow(1_000, 0);
    window.record(5, 1, 10);
    expect(window.summary(2_000)).toBeNull();
  });

  it("forgets the window before when nothing followed", () => {
    const window = new RecentWindow(1_000, 0);
    window.record(5, 1, 10);
    expect(window.summary(1_000)).not.toBeNull();
    expect(window.summary(2_000)).toBeNull();
  });

  it("keeps the latter part of a window that is too busy to keep whole", () => {
    const window = new RecentWindow(1_000, 0);
    for (let i = 0; i < 1_024; i += 1) window.record(1, 1, 1);
    for (let i = 0; i < 1_024; i += 1) window.record(9, 8, 2);
    expect(window.summary(1_000)).toEqual({ p95Ms: 9, batchRows: 8 });
  });
});
