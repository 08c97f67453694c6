import { HostState } from "@infaas/api";
import { type Executor, hostName, hostNumber } from "@infaas/policy";
import type { ClusterView } from "./cluster-view";

/** What a start is expected to take before one was seen: that of a process of this machine, ms. */
const START_ASSUMED_MS = 1_000;

const { REQUESTED, STARTING, UP, DRAINING } = HostState;

/** What is read of the cluster. */
type Seen = Pick<ClusterView, "executors" | "hostProvider" | "hosts" | "freeze" | "starts">;

/**
 * Returns the host that is there next where no executor takes work: the first that is on its way, else the one that the leader
 * starts for the next load that is asked for. null: an executor takes work, nobody provides hosts, no more may be, plans are
 * frozen, or a start has just failed.
 */
export function expectedHost(view: Seen): Executor | null {
  const { hostProvider, hosts, freeze, starts } = view;
  if (hostProvider === null || freeze !== null) return null;
  if ([...view.executors.values()].some((executor) => executor.accepting)) return null;
  const { pool } = hostProvider;
  const own = hosts.filter((host) => host.provider === hostProvider.name);
  if (own.some((host) => host.state === HostState.GONE && host.fault !== "")) return null;
  const there = own.filter(({ state }) => [REQUESTED, STARTING, UP, DRAINING].includes(state));
  const coming = there
    .filter(({ name, state }) => state !== DRAINING && view.executors.get(name)?.isLeaving !== true)
    .sort((a, b) => hostNumber(a.name) - hostNumber(b.name));
  const name = coming[0]?.name ?? nextName(new Set(there.map((host) => host.name)), pool.maxHosts);
  if (name === null) return null;
  const memoryBytes = Number(pool.memoryBytes);
  return {
    name,
    hostType: pool.hostType,
    deviceKinds: ["cpu"],
    cores: Math.max(1, Math.floor(pool.cores)),
    memoryBytes,
    memoryFreeBytes: memoryBytes,
    utilisation: 0,
    pricePerHourUsd: pool.pricePerHourUsd,
    accepting: true,
    startMs: starts.time?.p50Ms ?? START_ASSUMED_MS,
  };
}

/** The name that `planStarts` takes; null: what is there, what drains included, is all that may be. */
function nextName(names: ReadonlySet<string>, maxHosts: number): string | null {
  if (names.size >= maxHosts) return null;
  for (let number = 1; ; number++) if (!names.has(hostName(number))) return hostName(number);
}
