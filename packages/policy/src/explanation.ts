import { EXPLAINED_MAX, ROWS_MAX } from "./bounds";
import { candidatesOf } from "./candidates";
import { allEntries, NO_ACCURACY, serviceMs, type TargetIndex, type VariantEntry } from "./catalog";
import { costPerThousandUsd } from "./cost";
import type { Decision, Verdict } from "./decision";
import type { Query } from "./query";
import { selectVariant } from "./selection";
import { drainMsAt, groupsOf, type InstanceGroup, idleHopMs, type Member, type Snapshot } from "./snapshot";
import type { Objective } from "./types";

/** One candidate: the verdict and both numbers that led to it, in the unit of the verdict. */
export interface Candidate {
  readonly variant: string;
  /** Empty for a variant that is not loaded. */
  readonly executor: string;
  readonly verdict: Verdict;
  /** What the candidate has. */
  readonly value: number;
  /** What was required, or what the winner has. */
  readonly limit: number;
}

/** Why a decision came out as it did. */
export interface Explanation {
  readonly decision: Decision;
  /** One sentence. */
  readonly summary: string;
  /** The winner first, then what is loaded, then the rest. */
  readonly candidates: readonly Candidate[];
  /** How far inside the latency objective the winner is predicted to be; null without objective or winner. */
  readonly marginMs: number | null;
  /** Candidates beyond the bound of the list. */
  readonly omitted: number;
}

type Finding = Pick<Candidate, "verdict" | "value" | "limit">;

/**
 * Returns the decision with every candidate considered. Costs far more than the decision alone, which is why
 * it is a function of its own and the way of a query pays for it only on request.
 */
export function explainDecision(snapshot: Snapshot, query: Query, nowMs: number): Explanation {
  const decision = selectVariant(snapshot, query, nowMs);
  const index = candidatesOf(snapshot.catalog, query);
  const all = index ? judgeAll(snapshot, index, query, decision, nowMs) : [];
  const { latencyMs } = query.slo;
  const placed = decision.kind === "selected" || decision.kind === "cold";
  return {
    decision,
    summary: summarise(decision, query, all.length),
    candidates: all.slice(0, EXPLAINED_MAX),
    marginMs: placed && latencyMs !== null ? latencyMs - decision.predictedMs : null,
    omitted: Math.max(0, all.length - EXPLAINED_MAX),
  };
}

function judgeAll(
  snapshot: Snapshot,
  index: TargetIndex,
  query: Query,
  decision: Decision,
  nowMs: number,
): readonly Candidate[] {
  const winner: Candidate[] = [];
  const loaded: Candidate[] = [];
  const rest: Candidate[] = [];
  for (const entry of allEntries(index)) {
    const members = groupsOf(snapshot, entry).flatMap((group) =>
      group.members.map((member) => ({ group, member })),
    );
    for (const { group, member } of members) {
      const finding = judgeLoaded(group, member, query, decision, nowMs);
      const candidate = { variant: entry.variant.name, executor: member.executor.name, ...finding };
      (finding.verdict === "selected" ? winner : loaded).push(candidate);
    }
    const loadsOne = decision.kind === "cold" && decision.variant === entry.variant;
    if (members.length > 0 && !loadsOne) continue;
    const candidate = judgeUnloaded(snapshot, entry, query, decision);
    (candidate.verdict === "selected" ? winner : rest).push(candidate);
  }
  return [...winner, ...loaded, ...rest];
}

function judgeLoaded(
  group: InstanceGroup,
  member: Member,
  query: Query,
  decision: Decision,
  nowMs: number,
): Finding {
  const { instance, executor } = member;
  const { latencyMs } = query.slo;
  const batchMs = serviceMs(group.entry, query.rows);
  const predictedMs = drainMsAt(instance, nowMs) + batchMs + instance.hopMs;
  if (decision.kind === "selected" && decision.instance === instance)
    return selectedAt(predictedMs, latencyMs);
  const unfit = judgeVariant(group.entry, query, batchMs + idleHopMs(instance), group.itemUsd);
  if (unfit) return unfit;
  if (!executor.accepting) return { verdict: "no-executor", value: 0, limit: 1 };
  if (latencyMs !== null && predictedMs > latencyMs) {
    return { verdict: "latency-above-slo", value: predictedMs, limit: latencyMs };
  }
  if (instance === query.late)
    return { verdict: "overloaded", value: predictedMs, limit: latencyMs ?? predictedMs };
  if (instance.state !== "active") {
    return { verdict: instance.state, value: predictedMs, limit: latencyMs ?? predictedMs };
  }
  return judgeAgainst(decision, group, predictedMs, query);
}

/**
 * Why an adequate active candidate lost: by the objective, or, being equal, to the other's completion or
 * packing.
 */
function judgeAgainst(decision: Decision, group: InstanceGroup, predictedMs: number, query: Query): Finding {
  if (decision.kind !== "selected") return { verdict: "not-loaded", value: predictedMs, limit: predictedMs };
  const winnerUsd = decision.costUsd / query.rows;
  const winnerAccuracy = decision.variant.accuracy?.value ?? NO_ACCURACY;
  const { accuracy } = group.entry;
  if (accuracy < winnerAccuracy && (query.slo.objective === "max-accuracy" || query.slo.noDowngrade)) {
    return { verdict: "less-accurate", value: accuracy, limit: winnerAccuracy };
  }
  if (group.itemUsd > winnerUsd && query.slo.objective !== "min-latency") {
    const value = costPerThousandUsd(group.itemUsd, query.rows);
    return { verdict: "dearer", value, limit: costPerThousandUsd(winnerUsd, query.rows) };
  }
  return { verdict: "outranked", value: predictedMs, limit: decision.predictedMs };
}

function judgeUnloaded(snapshot: Snapshot, entry: VariantEntry, query: Query, decision: Decision): Candidate {
  const named = { variant: entry.variant.name, executor: "" };
  const { loadMs, peakMemoryBytes } = entry.variant.profile;
  const { latencyMs } = query.slo;
  if (decision.kind === "cold" && decision.variant === entry.variant) {
    return { ...named, executor: decision.executor.name, ...selectedAt(decision.predictedMs, latencyMs) };
  }
  const { classes } = snapshot.pricing;
  const prices = classes.flatMap((c) => (c.fits[entry.index] ? [c.itemUsd[entry.index] ?? 0] : []));
  const batchMs = serviceMs(entry, query.rows);
  if (prices.length === 0) return { ...named, verdict: "no-executor", value: 0, limit: 1 };
  const unfit = judgeVariant(entry, query, batchMs, Math.min(...prices));
  if (unfit) return { ...named, ...unfit };
  const roomBytes = Math.max(0, ...snapshot.executors.filter((e) => e.accepting).map(roomOf));
  if (peakMemoryBytes > roomBytes)
    return { ...named, verdict: "no-room", value: peakMemoryBytes, limit: roomBytes };
  return { ...named, verdict: "not-loaded", value: loadMs + batchMs, limit: latencyMs ?? loadMs + batchMs };
}

/** What no load can change: accuracy, batch, latency when idle, price. */
function judgeVariant(entry: VariantEntry, query: Query, idleMs: number, itemUsd: number): Finding | null {
  const { minAccuracy, latencyMs, maxCostUsd } = query.slo;
  if (minAccuracy !== null && entry.accuracy < minAccuracy) {
    return { verdict: "accuracy-below-floor", value: entry.accuracy, limit: minAccuracy };
  }
  if (query.rows > ROWS_MAX) return { verdict: "batch-too-large", value: query.rows, limit: ROWS_MAX };
  if (latencyMs !== null && idleMs > latencyMs) {
    return { verdict: "latency-above-slo", value: idleMs, limit: latencyMs };
  }
  const costUsd = costPerThousandUsd(itemUsd, query.rows);
  if (maxCostUsd !== null && costUsd > maxCostUsd) {
    return { verdict: "cost-above-max", value: costUsd, limit: maxCostUsd };
  }
  return null;
}

function selectedAt(predictedMs: number, latencyMs: number | null): Finding {
  return { verdict: "selected", value: predictedMs, limit: latencyMs ?? predictedMs };
}

function roomOf(executor: {
  readonly memoryFreeBytes: number;
  readonly memoryEvictableBytes?: number;
}): number {
  return executor.memoryFreeBytes + (executor.memoryEvictableBytes ?? 0);
}

function summarise(decision: Decision, query: Query, considered: number): string {
  const candidates = `${considered} candidate${considered === 1 ? "" : "s"}`;
  switch (decision.kind) {
    case "selected":
      return `${decision.variant.name} on ${decision.executor.name} is the ${superlative(query)} of ${candidates}, predicted ${ms(decision.predictedMs)}${decision.downgraded ? "; load forced a less accurate variant" : ""}`;
    case "cold":
      return `${decision.variant.name} is loaded on ${decision.executor.name} first, ready in about ${ms(decision.expectedWaitMs)}`;
    case "saturated":
      return `it can be met, but not now (${decision.reason}); try again in ${ms(decision.retryAfterMs)}`;
    case "infeasible":
      return `none of ${candidates} can meet this, even idle: ${decision.reason.replaceAll("-", " ")}${bounds(decision.value, decision.limit)}`;
    case "unknown":
      return `nothing is called ${decision.name}`;
  }
}

const SUPERLATIVES: Readonly<Record<Objective, string>> = {
  "min-cost": "cheapest adequate",
  "max-accuracy": "most accurate adequate",
  "min-latency": "soonest adequate",
};

function superlative(query: Query): string {
  return SUPERLATIVES[query.slo.objective];
}

function bounds(value: number | null, limit: number | null): string {
  return value === null || limit === null ? "" : ` (${figure(value)} against ${figure(limit)})`;
}

function ms(value: number): string {
  return `${figure(value)} ms`;
}

function figure(value: number): string {
  return String(Number(value.toPrecision(4)));
}
