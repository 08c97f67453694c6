import type { ClusterView } from "./cluster-view";

/** So that the price of three hosts pays for three, whatever rounding says. */
const USD_EPSILON = 1e-9;

/**
 * Returns why no host is added although the pool has more, as a sentence: the most dollars an hour do not pay for it. null: they
 * would, or the pool has none.
 */
export function budgetBound(
  { hostProvider, hosts }: Pick<ClusterView, "hostProvider" | "hosts">,
  maxUsdPerHour: number,
): string | null {
  if (hostProvider === null) return null;
  const { name, pool } = hostProvider;
  const there = hosts.filter((host) => host.provider === name && host.fault === "").length;
  const usd = there * pool.pricePerHourUsd;
  if (there >= pool.maxHosts || usd + pool.pricePerHourUsd <= maxUsdPerHour + USD_EPSILON) return null;
  return `${there} hosts cost $${figure(usd)} an hour, and one more would exceed the $${figure(maxUsdPerHour)} that are allowed`;
}

function figure(value: number): string {
  return String(Number(value.toPrecision(4)));
}
