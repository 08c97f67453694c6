import { readFileSync } from "node:fs";
import { systemClock } from "@infaas/runtime";

/** Length of a jiffy in Linux's /proc/stat. */
const jiffyMs = 10;

/**
 * Starts counting; the returned function gives the cores that other processes kept busy since (Linux only).
 */
export function watchForeignLoad(): () => number {
  const before = { busyMs: busyMs(), own: process.cpuUsage(), atMs: systemClock.nowMs() };
  return () => {
    const own = process.cpuUsage(before.own);
    const ownMs = (own.user + own.system) / 1000;
    return Math.max(0, busyMs() - before.busyMs - ownMs) / (systemClock.nowMs() - before.atMs);
  };
}

/** Time that all cores together were not idle; time stolen by the host counts as busy. */
function busyMs(): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (
    readFileSync("/proc/stat", "utf8").split("\n")[0] ?? ""
  )
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) * jiffyMs;
}

/** Returns the half of the windows with the least foreign load; the larger half of an odd number. */
export function quietestHalf<T extends { readonly foreignCores: number }>(
  windows: readonly T[],
): readonly T[] {
  const rising = [...windows].sort((a, b) => a.foreignCores - b.foreignCores);
  return rising.slice(0, Math.ceil(rising.length / 2));
}
