import type { Variant } from "@infaas/api";
import type { Random } from "@infaas/runtime";
import type { ServiceTimes } from "./virtual-engines";

/** Returns times as profiled: medians between the points measured, times a log-normal noise of this spread (0: none). */
export function profiledTimes(variants: readonly Variant[], sigma: number, random: Random): ServiceTimes {
  const byName = new Map(variants.map((variant) => [variant.name, variant]));
  const profileOf = (name: string) => byName.get(name)?.profile;
  return {
    loadMs: (name) => profileOf(name)?.loadMs ?? 0,
    batchMs: (name, rows) =>
      interpolated(profileOf(name)?.points ?? [], rows) * (sigma > 0 ? Math.exp(sigma * normal(random)) : 1),
  };
}

function interpolated(points: readonly { batch: number; p50Ms: number }[], rows: number): number {
  const above = points.findIndex(({ batch }) => batch >= rows);
  const [a, b] = [points[above - 1], points[above] ?? points[points.length - 1]];
  if (b === undefined) return 0;
  if (a === undefined) return b.p50Ms;
  return a.p50Ms + ((b.p50Ms - a.p50Ms) * (rows - a.batch)) / (b.batch - a.batch);
}

/** A draw from the standard normal distribution (Box and Muller). */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}
