import { readFileSync } from "node:fs";
import { systemClock } from "@infaas/runtime";

/** Jiffies of Linux's /proc/stat, whatever the kernel's own tick is. */
const jiffyMs = 10;

/** Starts to watch what other processes take of this machine (Linux only); the answer is in cores since the start. */
export function watchForeignLoad(): () => number {
  const before = { busyMs: busyMs(), own: process.cpuUsage(), atMs: systemClock.nowMs() };
  return () => {
    const own = process.cpuUsage(before.own);
    const ownMs = (own.user + own.system) / 1000;
    return Math.max(0, busyMs() - before.busyMs - ownMs) / (systemClock.nowMs() - before.atMs);
  };
}

/** Time all cores together were not idle; time the host took away counts as busy. */
function busyMs(): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (
    readFileSync("/proc/stat", "utf8").split("\n")[0] ?? ""
  )
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) * jiffyMs;
}

/** The half of the windows in which others took least of the machine; the larger half of an odd number. */
export function quietestHalf<T extends { readonly foreignCores: number }>(
  windows: readonly T[],
): readonly T[] {
  const rising = [...windows].sort((a, b) => a.foreignCores - b.foreignCores);
  return rising.slice(0, Math.ceil(rising.length / 2));
}
