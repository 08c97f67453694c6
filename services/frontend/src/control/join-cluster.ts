import { type ClusterService, MemberKind } from "@infaas/api";
import { followMetadata, Membership } from "@infaas/cluster";
import type { ClientOf, Clock, Lifecycle, Logger, Random } from "@infaas/runtime";
import type { FrontendConfig } from "../config";
import type { ClusterView } from "../view/cluster-view";
import { StaticHostProvider } from "./host-provider/static";
import { Leader } from "./leader";
import { LeaderLoop } from "./leader-loop";

interface JoiningPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

interface Joining {
  readonly address: string;
  readonly view: ClusterView;
  readonly cluster: ClientOf<typeof ClusterService>;
  readonly lifecycle: Lifecycle;
  /** Variants that the plan of this frontend does without, where it makes plans. */
  readonly retired: () => ReadonlySet<string>;
}

/** Keeps this frontend a member, lets it campaign, and follows what metadata says; returns whether it leads. */
export function joinCluster(
  config: FrontendConfig,
  ports: JoiningPorts,
  { address, view, cluster, lifecycle, retired }: Joining,
): Leader {
  const { clock, random, logger } = ports;
  const { signal } = lifecycle;
  const heard = () => view.heard();
  const membership = new Membership({
    cluster,
    clock,
    random,
    logger,
    member: () => ({ name: config.name, address, kind: MemberKind.FRONTEND, accepting: true }),
    leaseTtlMs: config.leaseTtlMs,
    onAnswer: heard,
  });
  const leader = new Leader({
    cluster,
    clock,
    logger,
    member: config.name,
    leaseId: () => membership.leaseId,
    heard,
  });
  const membershipDone = membership.run(signal);
  const watchDone = followMetadata({ cluster, clock, random, logger, signal, listener: view });
  leader.start();
  const hosts = new StaticHostProvider(() => view.executors.values());
  const isLeader = () => leader.isLeader;
  const loop = new LeaderLoop({ clock, logger, view, cluster, hosts, retired, isLeader });
  loop.start();
  lifecycle.onStop("membership", async () => {
    loop.stop();
    leader.stop();
    await Promise.all([membershipDone, watchDone]);
  });
  return leader;
}
