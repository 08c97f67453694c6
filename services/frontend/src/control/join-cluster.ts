import { type ClusterService, MemberKind } from "@infaas/api";
import { followMetadata, Membership } from "@infaas/cluster";
import type { ClientOf, Clock, Lifecycle, Logger, Random } from "@infaas/runtime";
import type { FrontendConfig } from "../config";
import type { ClusterView } from "../view/cluster-view";
import { StaticHostProvider } from "./host-provider/static";
import { Leader } from "./leader";
import { LeaderLoop, type StandingPlan } from "./leader-loop";
import type { PlacementWriter } from "./placement-writer";

interface JoiningPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

interface Joining {
  readonly address: string;
  readonly view: ClusterView;
  readonly cluster: ClientOf<typeof ClusterService>;
  readonly placements: PlacementWriter;
  readonly lifecycle: Lifecycle;
  readonly plan: StandingPlan;
}

/** What this frontend is in the cluster. */
export interface Joined {
  /** Term that it leads in; null while it does not. */
  term(): bigint | null;
  /** Its lease; null while it is no member. */
  leaseId(): string | null;
}

/** Keeps this frontend a member, lets it campaign, follows what metadata says, and does what a leader does while it leads. */
export function joinCluster(
  config: FrontendConfig,
  ports: JoiningPorts,
  { address, view, cluster, placements, lifecycle, plan }: Joining,
): Joined {
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
    led: () => loop.answerSoon(),
  });
  const hosts = new StaticHostProvider(() => view.executors.values());
  const isLeader = () => leader.isLeader;
  const { metricPeriodMs: periodMs } = config;
  const loop = new LeaderLoop({
    ...{ clock, logger, view, placements, hosts },
    ...{ plan, isLeader, periodMs },
  });
  const membershipDone = membership.run(signal);
  const watchDone = followMetadata({ cluster, clock, random, logger, signal, listener: view });
  view.onChange(() => {
    if (view.leader === "") leader.campaignSoon();
  });
  leader.start();
  loop.start();
  lifecycle.onStop("membership", async () => {
    loop.stop();
    leader.stop();
    await Promise.all([membershipDone, watchDone]);
  });
  return { term: () => leader.term, leaseId: () => membership.leaseId };
}
