/**
 * Priorities of what executors should hold: where memory is short, what has less gives way to what has more. Between two of the
 * same the one used less recently gives way.
 */
export const PLACEMENT_PRIORITY = {
  /** Registered, and not asked for lately. */
  standby: 0,
  /** A query waits for it, or little of what its executor answers is of it. */
  requested: 10,
  /** It serves a class with demand: no query evicts it. */
  serving: 20,
  /** An operator has loaded it by name. */
  operator: 30,
} as const;

/** A ready instance as it is ranked. */
export interface RankedInstance {
  readonly variant: string;
  readonly executor: string;
  /** That of its placement. */
  readonly priority: number;
  /** Items answered per second lately; null: not known. */
  readonly servedPerSecond: number | null;
  /** The plan that stands retains it: its priority is the plan's. */
  readonly isRetained: boolean;
}

/** A priority that a placement should have. */
export interface Rank {
  readonly variant: string;
  readonly executor: string;
  readonly priority: number;
}

/** Since when each instance has been worth less than its priority, ms; by `executor variant`. */
export type RankMemory = ReadonlyMap<string, number>;

/** Share of what an executor answers from which on an instance is serving. */
const SERVING_SHARE = 0.05;
/** Items per second from which on it is. */
const SERVING_PER_SECOND = 1;
/** How long an instance is worth less before its priority falls: queries come unevenly. */
export const RANK_HOLD_MS = 10_000;

/**
 * Returns the priorities that change, by what each instance answers: up at once, down after `RANK_HOLD_MS`. An instance of which
 * nothing is known keeps its own: it may be busy. One that a plan retains has none from here; once no plan does, its
 * hold begins. Equal input gives equal output.
 */
export function rankPlacements(
  instances: readonly RankedInstance[],
  before: RankMemory,
  nowMs: number,
): { readonly ranks: readonly Rank[]; readonly memory: RankMemory } {
  const totals = new Map<string, number>();
  for (const { executor, servedPerSecond } of instances)
    totals.set(executor, (totals.get(executor) ?? 0) + (servedPerSecond ?? 0));
  const ranks: Rank[] = [];
  const memory = new Map<string, number>();
  for (const { variant, executor, priority, servedPerSecond, isRetained } of instances) {
    if (servedPerSecond === null || isRetained) continue;
    const worth = worthOf(servedPerSecond, totals.get(executor) ?? 0);
    if (worth > priority) ranks.push({ variant, executor, priority: worth });
    if (worth >= priority) continue;
    const key = `${executor} ${variant}`;
    const sinceMs = before.get(key) ?? nowMs;
    if (nowMs - sinceMs >= RANK_HOLD_MS) ranks.push({ variant, executor, priority: worth });
    else memory.set(key, sinceMs);
  }
  return { ranks, memory };
}

function worthOf(perSecond: number, totalPerSecond: number): number {
  if (perSecond <= 0) return PLACEMENT_PRIORITY.standby;
  const isServing = perSecond >= SERVING_PER_SECOND && perSecond >= SERVING_SHARE * totalPerSecond;
  return isServing ? PLACEMENT_PRIORITY.serving : PLACEMENT_PRIORITY.requested;
}
