import { adequateEntries } from "./capacity";
import type { PlannedDemand } from "./planning-problem";
import {
  activeHosts,
  type HostPool,
  hostName,
  hostNumber,
  type ScaledHost,
  type ScalingFacts,
} from "./scaling-facts";

/** One change of the hosts, with its reason as a sentence with figures. */
export interface HostChange {
  readonly kind: "start" | "drain" | "cancel";
  readonly host: string;
  readonly because: string;
}

/** Hosts that an operator took out of service serve nobody: they go, and others come where demand needs them. */
export function withdrawals({ hosts }: ScalingFacts): readonly HostChange[] {
  return hosts
    .filter((h) => h.withdrawn && h.state === "up")
    .map(({ name: host }) => ({
      kind: "drain",
      host,
      because: "an operator took its executor out of service",
    }));
}

/** So that the price of three hosts pays for three, whatever rounding says. */
const HOSTS_EPSILON = 1e-9;

/** How many hosts there may be at once: as many as the pool has, and as the most dollars an hour pay for. */
export function mostHosts({ maxHosts, pricePerHourUsd }: HostPool, maxUsdPerHour: number | null): number {
  if (maxUsdPerHour === null || pricePerHourUsd <= 0) return maxHosts;
  return Math.min(maxHosts, Math.floor(maxUsdPerHour / pricePerHourUsd + HOSTS_EPSILON));
}

/** Asks for so many hosts more, while there are fewer than `most`; none while starts rest. */
export function planStarts(
  { hosts, pool, nowMs, ending = 0, startsRestUntilMs }: ScalingFacts,
  { count, most }: { readonly count: number; readonly most: number },
  because: string,
): readonly HostChange[] {
  if (startsRestUntilMs !== null && nowMs < startsRestUntilMs) return [];
  const names = new Set(hosts.map((h) => h.name));
  const starts: HostChange[] = [];
  // What drains still holds its place, and what ends still costs.
  const room = Math.min(count, pool.maxHosts - hosts.length, most - hosts.length - ending);
  for (let number = 1; starts.length < room; number++) {
    const host = hostName(number);
    if (!names.has(host)) starts.push({ kind: "start", host, because });
  }
  return starts;
}

/**
 * Lets one host go that the plan needs no longer: one that is not up yet at once, else the one with the highest number when
 * what is paid has run out and all that it serves is ready elsewhere. Returns what is waited for where none may go now.
 */
export function planRemoval(
  facts: ScalingFacts,
  { idle, demands }: { readonly idle: ReadonlySet<string>; readonly demands: readonly PlannedDemand[] },
  because: string,
): HostChange | string {
  const active = activeHosts(facts);
  const byNumber = active
    .filter((h) => idle.has(h.name))
    .sort((a, b) => hostNumber(b.name) - hostNumber(a.name));
  const coming = byNumber.find((h) => h.state !== "up");
  if (coming !== undefined) return { kind: "cancel", host: coming.name, because };
  const draining = facts.hosts.find((h) => h.state === "draining");
  if (draining !== undefined) return `${draining.name} drains first`;
  const unpaid = byNumber.filter((h) => (h.paidUntilMs ?? 0) <= facts.nowMs);
  const [leaving] = unpaid;
  if (leaving === undefined) return byNumber.length === 0 ? "no host is idle" : "what is idle is paid for";
  const alone = demands.find((one) => isServedOnlyBy(leaving, active, facts, one));
  if (alone === undefined) return { kind: "drain", host: leaving.name, because };
  return `${leaving.name} stays until another host can answer '${alone.demand.target.name}'`;
}

function isServedOnlyBy(
  leaving: ScaledHost,
  active: readonly ScaledHost[],
  { catalog }: ScalingFacts,
  { demand }: PlannedDemand,
): boolean {
  const adequate = adequateEntries(catalog, demand).map((entry) => entry.variant.name);
  const serves = (host: ScaledHost) => host.state === "up" && adequate.some((name) => host.ready.has(name));
  return serves(leaving) && !active.some((host) => host !== leaving && serves(host));
}
