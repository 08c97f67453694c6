import type { PlanHost } from "../planning/problem";
import { activeHosts, hostName, hostNumber, type ScaledHost, type ScalingFacts } from "./scaling-facts";

const MS_PER_SECOND = 1_000;

/**
 * Returns the hosts that may be planned with, in the order in which they are filled: those that are up, those on their way,
 * then those that could be started; by their numbers, so that the last ones are left idle. As many as are to be there at
 * least, and what is paid for, cost nothing more; one that has to be started costs its start too.
 */
export function offeredHosts(facts: ScalingFacts, dwellSeconds: number): readonly PlanHost[] {
  const { pool, hosts, nowMs, startTime } = facts;
  const active = [...activeHosts(facts)].sort(byTurn);
  const isPaid = ({ paidUntilMs }: ScaledHost) => (paidUntilMs ?? 0) >= nowMs + dwellSeconds * MS_PER_SECOND;
  const there = active.map((host, turn): PlanHost => {
    const kept = new Set([...host.placed].filter((name) => host.removable?.has(name) !== true));
    const keptBytes = [...kept].reduce((sum, name) => sum + bytesOf(facts, name), 0);
    const isFree = turn < pool.minHosts || isPaid(host);
    return {
      ...offered(facts, host.name),
      memoryBytes: pool.memoryBytes - keptBytes,
      addedUsdPerHour: isFree ? 0 : pool.pricePerHourUsd,
      placed: host.placed,
      kept,
    };
  });
  const startUsd = (pool.pricePerHourUsd * (startTime?.p50Ms ?? 0)) / MS_PER_SECOND / dwellSeconds;
  const names = new Set(hosts.map((host) => host.name));
  const added: PlanHost[] = [];
  // What drains still holds its place.
  for (let number = 1; added.length < pool.maxHosts - hosts.length; number++) {
    const name = hostName(number);
    if (names.has(name)) continue;
    const isFree = there.length + added.length < pool.minHosts;
    added.push({ ...offered(facts, name), addedUsdPerHour: isFree ? 0 : pool.pricePerHourUsd + startUsd });
  }
  return [...there, ...added];
}

function offered({ pool }: ScalingFacts, name: string): PlanHost {
  const { hostType, memoryBytes, pricePerHourUsd } = pool;
  const none = new Set<string>();
  return {
    name,
    hostType,
    memoryBytes,
    usdPerHour: pricePerHourUsd,
    addedUsdPerHour: pricePerHourUsd,
    placed: none,
    kept: none,
  };
}

function bytesOf({ catalog }: ScalingFacts, variant: string): number {
  return catalog.variants.get(variant)?.entries[0]?.variant.profile.peakMemoryBytes ?? 0;
}

function byTurn(a: ScaledHost, b: ScaledHost): number {
  return Number(a.state !== "up") - Number(b.state !== "up") || hostNumber(a.name) - hostNumber(b.name);
}
