import { type ClusterService, HostState } from "@infaas/api";
import { RECORD_CALL_TIMEOUT_MS } from "@infaas/cluster";
import { type ClientOf, type Clock, Code, ServiceError } from "@infaas/runtime";
import type { ClusterView } from "../../view/cluster-view";
import type { HostPool, HostProvider } from "./host-provider";

export interface RecordedHostsOptions {
  readonly clock: Clock;
  readonly view: Pick<ClusterView, "hostProvider" | "hosts">;
  readonly cluster: Pick<ClientOf<typeof ClusterService>, "setHost">;
  /** Term that this frontend leads in; null while it does not. */
  readonly term: () => bigint | null;
}

const { UNSPECIFIED, REQUESTED, STARTING, UP, DRAINING, GONE } = HostState;

/**
 * Hosts that another member starts and stops: they are asked for by their records in metadata, under the term of the
 * leader. Whoever leads next finds them there.
 */
export class RecordedHostProvider implements HostProvider {
  constructor(private readonly o: RecordedHostsOptions) {}

  pools(): readonly HostPool[] {
    const { hostProvider, hosts } = this.o.view;
    if (hostProvider === null) return [];
    const { hostType, pricePerHourUsd, minHosts, maxHosts } = hostProvider.pool;
    const names = hosts.filter((h) => h.state === UP).map((h) => h.name);
    return [{ hostType, pricePerHourUsd, hosts: names.sort(), minHosts, maxHosts, fixedBecause: null }];
  }

  ensure(host: string, because: string): Promise<void> {
    return this.set(host, REQUESTED, because, [UNSPECIFIED, GONE]);
  }

  drain(host: string, because: string): Promise<void> {
    return this.set(host, DRAINING, because, [UP]);
  }

  remove(host: string, because: string): Promise<void> {
    return this.set(host, GONE, because, [REQUESTED, STARTING, UP, DRAINING]);
  }

  private async set(
    name: string,
    state: HostState,
    reason: string,
    from: readonly HostState[],
  ): Promise<void> {
    const { clock, view, cluster } = this.o;
    const term = this.o.term();
    const provider = view.hostProvider?.name;
    if (term === null || provider === undefined)
      throw new ServiceError(
        Code.FAILED_PRECONDITION,
        `host "${name}": this frontend does not lead, or nobody has hosts`,
      );
    const changedEpochMs = clock.epochMs();
    const held = view.hosts.find((host) => host.name === name);
    const requestedEpochMs = state === REQUESTED ? changedEpochMs : (held?.requestedEpochMs ?? 0);
    const host = { name, provider, state, reason, changedEpochMs, requestedEpochMs };
    await cluster.setHost({ host, from: [...from], term }, { timeoutMs: RECORD_CALL_TIMEOUT_MS });
  }
}
