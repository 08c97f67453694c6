import type { Variant } from "@infaas/api";
import type { Random } from "@infaas/runtime";
import { logNormal } from "../workload/draws";

/** How long things take on a host of the simulation that does nothing else. */
export interface ServiceTimes {
  /** From the file to an engine that answers, ms. */
  loadMs(variant: string): number;
  /** One batch of so many rows, ms. */
  batchMs(variant: string, rows: number): number;
}

/** Returns times as profiled: medians between the points measured, times a log-normal noise of this spread (0: none). */
export function profiledTimes(variants: readonly Variant[], sigma: number, random: Random): ServiceTimes {
  const byName = new Map(variants.map((variant) => [variant.name, variant]));
  const profileOf = (name: string) => byName.get(name)?.profile;
  return {
    loadMs: (name) => profileOf(name)?.loadMs ?? 0,
    batchMs: (name, rows) =>
      interpolated(profileOf(name)?.points ?? [], rows) * (sigma > 0 ? logNormal(random, sigma) : 1),
  };
}

/** Returns times drawn for each batch, whatever its rows. */
export function drawnTimes(drawMs: () => number): ServiceTimes {
  return { loadMs: () => 0, batchMs: drawMs };
}

/** Returns the median latency of a batch, between the points measured. */
export function interpolated(points: readonly { batch: number; p50Ms: number }[], rows: number): number {
  const above = points.findIndex(({ batch }) => batch >= rows);
  const [a, b] = [points[above - 1], points[above] ?? points[points.length - 1]];
  if (b === undefined) return 0;
  if (a === undefined) return b.p50Ms;
  return a.p50Ms + ((b.p50Ms - a.p50Ms) * (rows - a.batch)) / (b.batch - a.batch);
}
