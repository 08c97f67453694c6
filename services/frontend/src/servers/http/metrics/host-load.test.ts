import { type CpuTimes, cpuTimes, HostLoad } from "./host-load";

describe("HostLoad", () => {
  it("tells the busy share since the reading before", () => {
    let now: CpuTimes = { busyMs: 100, totalMs: 1000 };
    const load = new HostLoad(() => now);
    now = { busyMs: 150, totalMs: 1200 };
    expect(load.read().cpuUtilisation).toBe(0.25);
    expect(load.read().cpuUtilisation).toBe(0.25);
    now = { busyMs: 350, totalMs: 1400 };
    expect(load.read().cpuUtilisation).toBe(1);
  });

  it("reads this host", () => {
    const { busyMs, totalMs } = cpuTimes();
    expect(busyMs).toBeGreaterThan(0);
    expect(totalMs).toBeGreaterThan(busyMs);
    const { memoryTotalBytes, memoryUsedBytes } = new HostLoad(cpuTimes).read();
    expect(memoryUsedBytes).toBeGreaterThan(0);
    expect(memoryTotalBytes).toBeGreaterThan(memoryUsedBytes);
  });
});
