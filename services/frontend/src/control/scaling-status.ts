import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type DemandStatusSchema,
  HostState,
  type HostStatusSchema,
  type ScalingStatusSchema,
} from "@infaas/api";
import type { Clock } from "@infaas/runtime";
import type { ClusterView } from "../view/cluster-view";
import type { DemandTable } from "../view/demand-table";
import type { ScalingLoop } from "./scaling-loop";

/** Returns the hosts that come and go, as their records say. */
export function hostStatuses(view: ClusterView, clock: Clock): MessageInitShape<typeof HostStatusSchema>[] {
  const nowMs = clock.epochMs();
  return view.hosts.map(({ name, state, reason, fault, changedEpochMs }) => ({
    name,
    state: stateName(state),
    reason,
    fault,
    ageMs: Math.max(0, nowMs - changedEpochMs),
  }));
}

/** Returns `requested`, `starting`, `up`, `draining` or `gone`. */
export function stateName(state: HostState): string {
  return (HostState[state] ?? "").toLowerCase();
}

/** Returns what the leader plans with; absent where this frontend plans nothing. */
export function scalingStatus(loop: ScalingLoop): {
  readonly scaling?: MessageInitShape<typeof ScalingStatusSchema>;
} {
  const { state, changes } = loop;
  return state === null ? {} : { scaling: { ...state, changes: [...changes] } };
}

/** Returns what was asked lately, over all frontends. */
export function demandStatuses(table: DemandTable): MessageInitShape<typeof DemandStatusSchema>[] {
  return table
    .figures()
    .filter(({ arrivals }) => arrivals > 0)
    .map(({ demandClass, latencyMs, rate, rowsPerQuery, attainment }) => {
      const { target, minAccuracy, objective } = demandClass;
      return {
        target,
        objective,
        queriesPerSecond: rate.perSecond,
        rowsPerQuery,
        ...(minAccuracy === null ? {} : { minAccuracy }),
        ...(latencyMs === null ? {} : { latencyMs }),
        ...(attainment === null ? {} : { attainment }),
      };
    });
}
