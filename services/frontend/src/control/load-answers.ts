import { type Executor, PLACEMENT_PRIORITY, planInitialPlacement } from "@infaas/policy";
import type { ClusterView } from "../view/cluster-view";
import { isAnswered, type NeededLoad } from "../view/load-answer";
import type { PlacementChange } from "./placement-changes";
import { instancesPerExecutor } from "./placement-repair";

/** A load that one frontend needs. */
export interface AskedLoad extends NeededLoad {
  readonly frontend: string;
}

/** An instance for which an executor lacked memory is wanted anew once in this time. */
export const ANSWER_AGAIN_MIN_MS = 1_000;

/** Answers the loads that frontends need, once for the whole cluster; remembers only when each answer was given. */
export class LoadAnswers {
  private readonly answeredMs = new Map<string, number>();

  /** Returns the placements after which every request that can be answered is. */
  plan(view: ClusterView, nowMs: number): readonly PlacementChange[] {
    const changes: PlacementChange[] = [];
    for (const [key, atMs] of this.answeredMs)
      if (nowMs - atMs >= ANSWER_AGAIN_MIN_MS) this.answeredMs.delete(key);
    for (const request of requestsOf(view)) {
      const { variant, reason } = request;
      if (isAnswered(view, request) || isAmong(changes, request) || !isServable(view, variant)) continue;
      const executor = executorFor(view, request, changes);
      if (executor === null || this.answeredMs.has(keyOf(variant, executor))) continue;
      const priority = PLACEMENT_PRIORITY[reason === "query" ? "requested" : "standby"];
      const plan = sentenceOf(request);
      changes.push({ kind: "place", executor, entry: { variant, reason, plan, priority, anew: true } });
    }
    return changes;
  }

  /** Notes that these were written. */
  written(changes: readonly PlacementChange[], nowMs: number): void {
    for (const change of changes)
      if (change.kind === "place") this.answeredMs.set(keyOf(change.entry.variant, change.executor), nowMs);
  }
}

function* requestsOf(view: ClusterView): Generator<AskedLoad> {
  for (const { frontend, requests } of view.loadRequests)
    for (const { variant, executor, except, reason } of requests)
      yield {
        frontend,
        variant,
        executor,
        except,
        reason: reason === "registration" ? "registration" : "query",
      };
}

/** Whether another request has just been answered by what does for this one. */
function isAmong(changes: readonly PlacementChange[], { variant, except }: NeededLoad): boolean {
  return changes.some(
    (c) => c.kind === "place" && c.entry.variant === variant && !except.includes(c.executor),
  );
}

/** An operator may have unloaded it since it was asked for. */
function isServable({ catalog }: ClusterView, variant: string): boolean {
  return catalog.policy.variants.has(variant) && !catalog.withheld.has(variant);
}

/** The executor that the frontend chose, while it takes work; else the least loaded that has room, or null. */
function executorFor(
  view: ClusterView,
  { variant, executor, except }: NeededLoad,
  changes: readonly PlacementChange[],
): string | null {
  if (view.executors.get(executor)?.accepting === true && !except.includes(executor)) return executor;
  const others: Executor[] = [...view.executors.values()].filter((e) => !except.includes(e.name));
  const known = view.catalog.policy.variants.get(variant)?.entries[0]?.variant;
  if (known === undefined) return null;
  const placed = instancesPerExecutor([...view.placements, ...changes]);
  return planInitialPlacement([known], others, placed).placements[0]?.executor ?? null;
}

function sentenceOf({ frontend, reason, executor }: AskedLoad): string {
  return reason === "query"
    ? `queries at ${frontend} need it, which would load it on ${executor}`
    : `registered by ${frontend}: no other variant of its architecture is as accurate, cheap and fast`;
}

function keyOf(variant: string, executor: string): string {
  return `${variant}\n${executor}`;
}
