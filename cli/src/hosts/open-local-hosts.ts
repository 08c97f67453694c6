import { ClusterService, DeviceKind } from "@infaas/api";
import type { ConnectOptions } from "@infaas/client";
import { createRpcClient, dialWith, systemClock, systemRandom } from "@infaas/runtime";
import type { HostsPlan } from "../system/cluster";
import type { ProcessGroup, ProcessSpec } from "../system/process-group";
import { openCpuBudgets } from "./cpu-budget";
import { LocalHosts } from "./local-hosts";

/** What hosts of this machine are made of. */
export interface LocalHostsWorld {
  readonly hostType: string;
  readonly memoryBytes: number;
  readonly pricePerHourUsd: number;
  /** host:port of the metadata service, and how it is called. */
  readonly metadata: string;
  readonly connection: ConnectOptions;
  readonly group: Pick<ProcessGroup, "start" | "end">;
  readonly executorOf: (number: number) => ProcessSpec;
  note(line: string): void;
}

/** Hosts of this machine, not offered to the cluster yet; tells the operator how their CPU time is bounded. */
export function openLocalHosts(plan: HostsPlan, world: LocalHostsWorld): Pick<LocalHosts, "start" | "stop"> {
  const { minHosts, maxHosts, cores, billingMinimumMs } = plan;
  const { hostType, memoryBytes, pricePerHourUsd, metadata, connection, group, executorOf, note } = world;
  const budgets = openCpuBudgets({ cores, maxHosts });
  note(budgets.sentence);
  const cluster = createRpcClient(ClusterService, metadata, { dial: dialWith(connection) });
  const hosts = new LocalHosts({
    clock: systemClock,
    random: systemRandom,
    cluster,
    pool: {
      hostType,
      cores,
      memoryBytes: BigInt(memoryBytes),
      pricePerHourUsd,
      deviceKinds: [DeviceKind.CPU],
      minHosts,
      maxHosts,
      billingMinimumMs,
    },
    group,
    budgets,
    executorOf,
    note,
  });
  return {
    start: () => hosts.start(),
    stop: async () => {
      await hosts.stop();
      cluster.close();
    },
  };
}
