import { type ClusterService, DeviceKind, MemberKind } from "@infaas/api";
import { followMetadata, Membership, MetricTargets, RecordTable } from "@infaas/cluster";
import type { ClientOf, Clock, Logger, Random, Telemetry } from "@infaas/runtime";
import { type ExecutorConfig, wholeCores } from "../config";
import { deviceKindOf, hostTypeWith } from "../engines/device";
import type { Executor } from "../instances/executor";
import { DesiredInstances, frontendAddresses, isAccepting } from "./desired-instances";
import { InstanceReports, type ProcessLine } from "./instance-reports";

type MemberConfig = Pick<
  ExecutorConfig,
  "name" | "hostType" | "device" | "cores" | "memoryBytes" | "pricePerHour" | "leaseTtlMs"
>;

interface JoiningPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly telemetry: Pick<Telemetry, "addMetricTarget" | "removeMetricTarget">;
}

interface Joining {
  readonly cluster: ClientOf<typeof ClusterService>;
  readonly executor: Pick<Executor, "lines" | "onChange" | "setDesired">;
  /** Engine processes that serve links in place of this one; null: there are none. */
  readonly processes: {
    lines(): readonly ProcessLine[];
    onChange(listener: () => void): void;
  } | null;
  /** host:port that frontends are told. */
  readonly address: string;
  /** host:port of the native links; empty = none. */
  readonly linkAddress: string;
}

/**
 * Keeps this executor a member, sets its desired instances to what metadata says and reports those it has. While metadata is
 * away everything else goes on. Returns what leaves the cluster.
 */
export function joinCluster(
  config: MemberConfig,
  ports: JoiningPorts,
  { cluster, executor, processes, address, linkAddress }: Joining,
): () => Promise<void> {
  const { clock, random, logger } = ports;
  const { name } = config;
  const ending = new AbortController();
  const { signal } = ending;
  const records = new RecordTable();
  const instances = new DesiredInstances(name);
  const targets = new MetricTargets(ports.telemetry);
  const membership = new Membership({
    cluster,
    clock,
    random,
    logger,
    // What an operator said of it outlives a lost lease.
    member: () => ({ ...recordOf(config), address, linkAddress, accepting: isAccepting(records, name) }),
    leaseTtlMs: config.leaseTtlMs,
    onJoin: () => reports.report(),
  });
  const reports = new InstanceReports({
    cluster,
    clock,
    random,
    logger,
    executor: name,
    lines: () => executor.lines(),
    processes: () => processes?.lines() ?? [],
    leaseId: () => membership.leaseId,
    signal,
  });
  const listener = {
    get revision() {
      return records.revision;
    },
    received: (response: Parameters<RecordTable["apply"]>[0]) => {
      const nowMs = clock.nowMs();
      const changes = records.apply(response, nowMs);
      const desired = instances.follow(records, changes, nowMs);
      for (const fault of desired?.faults ?? []) logger.warn("placement cannot be honoured", { fault });
      if (desired !== null) executor.setDesired(desired.variants);
      if (changes.kinds.has("member")) targets.set(frontendAddresses(records));
    },
    interrupted: () => records.interrupted(),
  };
  for (const source of [executor, processes]) source?.onChange(() => reports.report());
  const watchDone = followMetadata({ cluster, clock, random, logger, signal, listener });
  const membershipDone = membership.run(signal);
  return async () => {
    ending.abort();
    await Promise.all([watchDone, membershipDone, reports.settled()]);
  };
}

function recordOf({ name, hostType, device, cores, memoryBytes, pricePerHour }: MemberConfig) {
  return {
    name,
    kind: MemberKind.EXECUTOR,
    hostType: hostTypeWith(hostType, device),
    cores: wholeCores(cores),
    cpuCores: cores,
    memoryBytes: BigInt(memoryBytes),
    pricePerHourUsd: pricePerHour,
    deviceKinds: device === null ? [DeviceKind.CPU] : [DeviceKind.CPU, deviceKindOf(device)],
  };
}
