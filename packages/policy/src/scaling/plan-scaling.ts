import { finished } from "../planning/finished";
import { planningOf } from "../planning/plan-placement";
import type { PlacementPlan, PlannedHost, PlanPrice } from "../planning/problem";
import { classKey } from "./capacity";
import { type HostChange, mostHosts, planRemoval, planStarts, withdrawals } from "./host-changes";
import { describeLoad } from "./host-load";
import { offeredHosts } from "./offered-hosts";
import { type PlacementStep, placementSteps, type RetainedInstances } from "./placement-steps";
import { type PlanLine, planLines } from "./plan-lines";
import { plannedRows } from "./planned-rate";
import { type DemandProblem, demandProblem, violationUsd } from "./planning-problem";
import { rungsOf } from "./rungs";
import { activeHosts, type ScaledHost, type ScalingFacts, withWish } from "./scaling-facts";
import {
  calmed,
  type HoldOptions,
  isHoldOver,
  mostOfHold,
  notedIn,
  notedNeeds,
  notedOut,
  type ScalingMemory,
} from "./scaling-memory";
import { type AttainmentOptions, nextViolationFactor } from "./violation-price";

export interface ScalingOptions extends HoldOptions, AttainmentOptions {
  /** Most US dollars per hour of all hosts together; null: no bound. */
  readonly maxUsdPerHour: number | null;
}

/** Values of the options that are not an operator's. */
export const SCALING_DEFAULTS = {
  attainmentTarget: 0.99,
  holdMaxMs: 600_000,
  maxUsdPerHour: null,
} as const;

/** What to change now, and what all of it is meant to become. */
export interface ScalingPlan {
  /** Hosts that demand needs, within the bounds of the pool. */
  readonly wantedHosts: number;
  readonly changes: readonly HostChange[];
  /** Instances to load now, each on a host that is up. */
  readonly placements: readonly PlacementStep[];
  /** Instances to unload now: whatever they serve is ready elsewhere. */
  readonly unloads: readonly PlacementStep[];
  /** Variants that nobody should load while this plan stands: selection would prefer them to what is planned. */
  readonly retired: ReadonlySet<string>;
  /** Instances that no query may evict while this plan stands, by host. */
  readonly retained: RetainedInstances;
  /** Steps whose turn has not come, as sentences. */
  readonly waits: readonly string[];
  /** What each host that serves somebody is to hold. */
  readonly hosts: readonly PlannedHost[];
  /** Returns what is done about each class, with both prices; written when it is asked for. */
  readonly explain: () => readonly PlanLine[];
  readonly price: PlanPrice;
  /** Rows per second that each class is planned for, by `classKey`: beyond it a new plan is due. */
  readonly plannedRows: ReadonlyMap<string, number>;
  /** Nothing is left to do, and there are as many hosts as are wanted. */
  readonly isSettled: boolean;
  /** The state of demand and hosts as a sentence. */
  readonly summary: string;
  readonly memory: ScalingMemory;
}

/**
 * Returns what should run where, on how many hosts, and which steps towards it are due (docs/design/policy.md, section 6).
 * Equal input gives equal output. Out: as soon as the plan for the upper bound of demand needs more than there are, or
 * queues outgrow an objective. In: one at a time, once the plan for the largest need of a whole hold has no use for it; the
 * last ready instance of a class with demand stays until another host has one.
 */
export function planScaling(facts: ScalingFacts, before: ScalingMemory, o: ScalingOptions): ScalingPlan {
  return finished(scalingOf(facts, before, o));
}

/** Plans as `planScaling` does, in slices: what is done between two of them is one class, host or attempt. */
export function* scalingOf(
  told: ScalingFacts,
  before: ScalingMemory,
  o: ScalingOptions,
): Generator<undefined, ScalingPlan> {
  const facts = withWish(told);
  const noted = remembered(facts, before, o);
  const terms = {
    dwellSeconds: noted.holdMs / 1_000,
    violationFactor: noted.violationFactor,
    maxUsdPerHour: o.maxUsdPerHour,
  };
  const { catalog, pool, demand, expectedLoads } = facts;
  const hosts = offeredHosts(facts, terms.dwellSeconds);
  const ground = { catalog, types: [pool], hosts, ...(expectedLoads === undefined ? {} : { expectedLoads }) };
  const made = yield* demandProblem(ground, demand, mostOfHold(noted), terms);
  const plan = yield* planningOf(made.problem);
  yield;
  const need = neededHosts(facts, made, plan, o);
  const { changes, waits, memory } = hostSteps(facts, { made, need, memory: noted }, o);
  yield;
  const leaving = new Set(changes.filter(({ kind }) => kind === "drain").map(({ host }) => host));
  const steps = yield* placementSteps({
    catalog,
    hosts: facts.hosts.map((h) => placedHost(facts, h, leaving)),
    ...made,
    plan,
    rungs: rungsOf(made, plan),
  });
  const all = [...waits, ...steps.waits];
  const steady = changes.length + steps.loads.length + steps.unloads.length + all.length === 0;
  const counts = `${activeHosts(facts).length} of ${pool.minHosts} to ${pool.maxHosts} hosts`;
  return {
    wantedHosts: need.hosts,
    changes,
    placements: steps.loads,
    unloads: steps.unloads,
    retired: steps.retired,
    retained: steps.retained,
    waits: all,
    isSettled: steady && facts.hosts.length === need.hosts,
    hosts: plan.hosts,
    explain: () =>
      planLines({
        ...made,
        plan,
        ready: new Map(activeHosts(facts).map((host) => [host.name, host.ready])),
        violationUsd: (one) => violationUsd(one, ground, terms),
      }),
    price: plan.price,
    plannedRows: new Map(plan.classes.map(({ of }) => [of.key, of.rowsPerSecond])),
    summary: [`${counts}, ${need.hosts} wanted`, need.because, ...waits].join("; "),
    memory,
  };
}

/** The memory with what demand needs now. While a frontend is silent nothing is known, and a new hold begins. */
function remembered(facts: ScalingFacts, before: ScalingMemory, o: ScalingOptions): ScalingMemory {
  const { nowMs, demand, demandKnown, startTime } = facts;
  // Idling for a hold costs no less than what restarting would.
  const holdMs = Math.max(o.holdMs, START_HOLDS * (startTime?.p95Ms ?? 0));
  const calm = calmed({ ...before, holdMs: Math.max(before.holdMs, holdMs) }, { ...o, holdMs }, nowMs);
  const needs = new Map(
    demand.filter((one) => one.arrivals > 0).map((one) => [classKey(one), plannedRows(one)]),
  );
  const elapsedSeconds = (nowMs - before.atMs) / 1_000;
  const violationFactor = nextViolationFactor(before.violationFactor, demand, o, elapsedSeconds);
  const noted = { ...notedNeeds(calm, needs, nowMs), atMs: nowMs, violationFactor };
  return demandKnown ? noted : { ...noted, sinceMs: nowMs };
}

/** A hold is at least so many starts. */
const START_HOLDS = 2;

interface Need {
  /** Within the bounds of the pool. */
  readonly hosts: number;
  /** Hosts that are there and serve nobody in the plan. */
  readonly idle: ReadonlySet<string>;
  readonly because: string;
}

function neededHosts(
  facts: ScalingFacts,
  { problem, demands }: DemandProblem,
  plan: PlacementPlan,
  { maxUsdPerHour }: ScalingOptions,
): Need {
  const { pool, overdueMs } = facts;
  const { minHosts, maxHosts } = pool;
  const active = activeHosts(facts);
  const open = new Set(plan.hosts.map((host) => host.name));
  const kept = new Set(problem.hosts.slice(0, minHosts).map((host) => host.name));
  const needed = problem.hosts.filter((host) => open.has(host.name) || kept.has(host.name)).length;
  const idle = new Set(active.map((h) => h.name).filter((name) => !open.has(name) && !kept.has(name)));
  const full = `${describeLoad(demands)}${describeRoom(plan)}`;
  const isComing = active.some((h) => h.state !== "up");
  const most = mostHosts(pool, maxUsdPerHour);
  const byQueue = overdueMs > 0 && !isComing ? active.length + 1 : 0;
  if (byQueue > needed && byQueue <= most) {
    const queue = `queries wait ${Math.round(overdueMs)} ms longer than their objective allows`;
    return { hosts: byQueue, idle: new Set(), because: `${queue}; ${full}` };
  }
  if (open.size < minHosts) {
    const why = facts.isWished === true ? "a load is waited for" : `at least ${minHosts} is kept`;
    return { hosts: needed, idle, because: `${why}; ${full}` };
  }
  if (plan.classes.every((one) => one.unservedPerSecond === 0)) return { hosts: needed, idle, because: full };
  const bound =
    most < maxHosts ? `at most $${maxUsdPerHour} an hour is allowed` : `at most ${maxHosts} are allowed`;
  return { hosts: needed, idle, because: `${full}; ${bound}` };
}

function describeRoom({ hosts, classes }: PlacementPlan): string {
  const shares = classes.flatMap((one) => one.shares);
  if (shares.length === 0) return "";
  const busy = hosts.reduce((sum, host) => sum + host.busy, 0);
  return `; with headroom that takes ${Number(busy.toPrecision(3))} hosts`;
}

interface HostSituation {
  readonly made: DemandProblem;
  readonly need: Need;
  readonly memory: ScalingMemory;
}

function hostSteps(facts: ScalingFacts, { made, need, memory }: HostSituation, o: ScalingOptions) {
  const { nowMs, pool, demandKnown } = facts;
  const active = activeHosts(facts);
  const changes: HostChange[] = [...withdrawals(facts)];
  const missing = need.hosts - (active.length - need.idle.size);
  if (missing > 0 && active.length < need.hosts) {
    const count = need.hosts - active.length;
    const most = mostHosts(pool, o.maxUsdPerHour);
    const starts = planStarts(facts, { count, most }, need.because);
    changes.push(...starts);
    const isOut = starts.length > 0 && active.length >= pool.minHosts;
    const there = facts.hosts.length + (facts.ending ?? 0);
    const waits =
      starts.length < count && there + count > most && most < pool.maxHosts
        ? [
            `${count - starts.length} hosts more wait: ${there} are paid for, and at most $${o.maxUsdPerHour} an hour is allowed`,
          ]
        : [];
    return { changes, waits, memory: isOut ? notedOut(memory, o, nowMs) : memory };
  }
  if (active.length <= need.hosts || !demandKnown || !isHoldOver(memory, nowMs))
    return { changes, waits: [], memory };
  const held = `; fewer were enough for ${Math.round(memory.holdMs / 1000)} s`;
  const removal = planRemoval(facts, { idle: need.idle, demands: made.demands }, `${need.because}${held}`);
  if (typeof removal === "string") return { changes, waits: [removal], memory };
  return { changes: [...changes, removal], waits: [], memory: notedIn(memory, nowMs) };
}

/** A host that drains from now on is none that anything else may be served by. */
function placedHost({ pool }: ScalingFacts, host: ScaledHost, leaving: ReadonlySet<string>) {
  const { name, ready, placed } = host;
  const none = new Set<string>();
  return {
    name,
    isServing: host.state === "up" && !host.withdrawn && !leaving.has(name),
    memoryBytes: pool.memoryBytes,
    ready,
    placed,
    loading: host.loading ?? none,
    removable: host.removable ?? none,
  };
}
