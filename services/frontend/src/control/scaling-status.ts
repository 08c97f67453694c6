import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type DemandStatusSchema,
  type FrontendStatusSchema,
  HostState,
  type HostStatusSchema,
  type ScalingStatusSchema,
} from "@infaas/api";
import { type HostCost, hostCosts, type PaidHost } from "@infaas/policy";
import type { Clock } from "@infaas/runtime";
import type { ClusterView } from "../view/cluster-view";
import type { DemandTable } from "../view/demand-table";
import { figureAgeMaxMs } from "../view/figure-age";
import type { ScalingLoop, ScalingState } from "./scaling-loop";

/** Age told of what was never heard. */
const AGE_NEVER_MS = -1;

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
  if (state === null) return {};
  const { minHosts, maxHosts, wantedHosts, summary, holdMs } = state;
  return { scaling: { minHosts, maxHosts, wantedHosts, summary, holdMs, changes: [...changes] } };
}

/** Returns the frontends with the age of what they are asked. */
export function frontendStatuses(
  { frontends, leader }: ClusterView,
  table: DemandTable,
  { clock, metricPeriodMs }: { readonly clock: Clock; readonly metricPeriodMs: number },
): MessageInitShape<typeof FrontendStatusSchema>[] {
  const nowMs = clock.nowMs();
  return frontends.map(({ name, address }) => {
    const ageMs = table.ageMs(name, nowMs);
    const demandAgeMs = Number.isFinite(ageMs) ? ageMs : AGE_NEVER_MS;
    const demandUnknown = ageMs > figureAgeMaxMs(metricPeriodMs);
    return { name, address, leads: name === leader, demandAgeMs, demandUnknown };
  });
}

/** Returns what executors cost, by name. */
export function executorCosts(view: ClusterView, plan: ScalingState | null): ReadonlyMap<string, HostCost> {
  const states = new Map(view.hosts.map(({ name, state }) => [name, state]));
  const paid = [...view.executors.values()].map(({ name, pricePerHourUsd, utilisation, isUnheard }) => ({
    name,
    pricePerHourUsd,
    utilisation: isUnheard ? null : utilisation,
    state: paidState(states.get(name)),
  }));
  return new Map(hostCosts(paid, plan).map((cost) => [cost.name, cost]));
}

function paidState(state: HostState | undefined): PaidHost["state"] {
  if (state === undefined) return "fixed";
  if (state === HostState.UP) return "up";
  return state === HostState.REQUESTED || state === HostState.STARTING ? "starting" : "draining";
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
