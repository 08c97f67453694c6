/**
 * A variant that should have an instance here. `key` names the variant and what it runs, see `instanceKey`.
 */
export interface DesiredInstance {
  readonly key: string;
  /** Instances of one variant under two keys are the same model with other files, limits or overrides. */
  readonly variant: string;
  /** Memory an instance takes at its peak. */
  readonly memoryBytes: number;
  /** Monotonic time at which it was last wanted anew; counts as a use in the order of eviction. */
  readonly desiredAtMs: number;
  /** Where memory is short, what has less gives way to what has more. */
  readonly priority: number;
}

/** An instance of this host, in whatever phase. */
export interface HeldInstance {
  readonly key: string;
  readonly variant: string;
  readonly phase: "loading" | "probing" | "ready" | "draining" | "failed";
  /** Memory it holds now; 0 once it failed. */
  readonly memoryBytes: number;
  /** Monotonic time of its last query, or of becoming ready. */
  readonly usedAtMs: number;
  /** Queries accepted and not answered. */
  readonly inFlight: number;
  /** Monotonic time after which a failed one may be loaded again. */
  readonly retryAtMs: number;
}

export interface MemoryBudget {
  readonly totalBytes: number;
}

/** A desired variant that is not loaded now, and why. */
export interface Shortfall {
  readonly key: string;
  readonly neededBytes: number;
  /** Free memory, plus that of idle instances that give way. */
  readonly availableBytes: number;
}

/** The next step towards the desired placement. */
export interface ReconcilePlan {
  readonly load: readonly string[];
  readonly drain: readonly string[];
  readonly short: readonly Shortfall[];
  /** Monotonic time to plan again at although nothing changed; null: none. */
  readonly againAtMs: number | null;
}

interface Situation {
  readonly desired: readonly DesiredInstance[];
  readonly held: readonly HeldInstance[];
  readonly memory: MemoryBudget;
}

/** Loads that run at once: more would slow the serving instances and each other. */
export const LOADS_AT_ONCE_MAX = 2;

/**
 * Returns what to load and drain so that `held` becomes `desired` within memory. Instances that are not
 * desired drain at once, except one that answers until the same variant is loaded under its desired key,
 * where memory holds both. When memory is short, idle instances are evicted: those of lower priority, then those of the same
 * that were used before the variant was desired, the least recently used first. Those in use, loading, probing or of higher
 * priority never are. Equal input gives equal output. An evicted variant is not loaded again before it is wanted anew, has a
 * higher priority or memory is free, so two variants never evict each other in turn.
 */
export function planReconcile(
  desired: readonly DesiredInstance[],
  held: readonly HeldInstance[],
  memory: MemoryBudget,
  nowMs: number,
): ReconcilePlan {
  const wanted = new Map(desired.map((w) => [w.key, w]));
  const undesired = held.filter((h) => isServing(h) && !wanted.has(h.key));
  const drain = undesired.filter((h) => !isStandIn(h, { desired, held, memory })).map((h) => h.key);
  const room = new Room({ desired, held, memory }, wanted, drain);
  const missing = missingInstances(desired, held, nowMs);
  const load: string[] = [];
  const short: Shortfall[] = [];
  let slots = LOADS_AT_ONCE_MAX - held.filter((h) => h.phase === "loading" || h.phase === "probing").length;
  for (const want of missing) {
    const outcome = room.claim(want);
    if (outcome === "short") {
      short.push({ key: want.key, neededBytes: want.memoryBytes, availableBytes: room.availableTo(want) });
    } else if (outcome === "free" && slots > 0) {
      load.push(want.key);
      slots -= 1;
    }
  }
  return { load, drain: [...drain, ...room.evicted], short, againAtMs: nextRetry(wanted, held, nowMs) };
}

/** Whether a ready instance, no longer desired, answers until the desired one of its variant is ready. */
function isStandIn({ variant, phase }: HeldInstance, { desired, held, memory }: Situation): boolean {
  const successor = desired.find((w) => w.variant === variant);
  if (phase !== "ready" || successor === undefined) return false;
  const here = held.find((h) => h.key === successor.key);
  if (here === undefined) return successor.memoryBytes <= memory.totalBytes - sumBytes(held);
  return here.phase !== "ready";
}

/** Desired instances that are not held and not resting after a failure; highest priority, then most recently desired first. */
function missingInstances(
  desired: readonly DesiredInstance[],
  held: readonly HeldInstance[],
  nowMs: number,
): readonly DesiredInstance[] {
  const present = new Map(held.map((h) => [h.key, h]));
  return desired
    .filter((w) => {
      const here = present.get(w.key);
      return here === undefined || (here.phase === "failed" && nowMs >= here.retryAtMs);
    })
    .sort((a, b) => b.priority - a.priority || b.desiredAtMs - a.desiredAtMs || compareNames(a.key, b.key));
}

/** An idle instance that may be evicted. */
interface Victim {
  readonly held: HeldInstance;
  /** That of its variant, also while another way of loading it is desired. */
  readonly priority: number;
  readonly recencyMs: number;
}

/** Memory once all draining instances are gone. */
class Room {
  readonly evicted: string[] = [];
  private freeBytes: number;
  private leavingBytes: number;
  private readonly victims: Victim[];

  constructor(
    { desired, held, memory }: Situation,
    wanted: ReadonlyMap<string, DesiredInstance>,
    drained: readonly string[],
  ) {
    const leaving = new Set(drained);
    const priorities = new Map(desired.map((w) => [w.variant, w.priority]));
    this.freeBytes = memory.totalBytes - sumBytes(held);
    this.leavingBytes = sumBytes(held.filter((h) => h.phase === "draining" || leaving.has(h.key)));
    this.victims = held
      .filter((h) => h.phase === "ready" && h.inFlight === 0 && !leaving.has(h.key))
      .map((h) => ({
        held: h,
        priority: priorities.get(h.variant) ?? 0,
        recencyMs: Math.max(h.usedAtMs, wanted.get(h.key)?.desiredAtMs ?? 0),
      }))
      .sort(
        (a, b) =>
          a.priority - b.priority || a.recencyMs - b.recencyMs || compareNames(a.held.key, b.held.key),
      );
  }

  /** Reserves memory: `free` = available now, `leaving` = once drains end, `short` = not available. */
  claim(want: DesiredInstance): "free" | "leaving" | "short" {
    if (want.memoryBytes <= this.freeBytes) {
      this.freeBytes -= want.memoryBytes;
      return "free";
    }
    if (want.memoryBytes > this.availableTo(want)) return "short";
    while (want.memoryBytes > this.freeBytes + this.leavingBytes) this.evictNext();
    this.leavingBytes -= want.memoryBytes - Math.max(0, this.freeBytes);
    this.freeBytes = Math.min(0, this.freeBytes);
    return "leaving";
  }

  availableTo(want: DesiredInstance): number {
    const yielding = this.victims.filter((v) => yields(v, want)).map((v) => v.held);
    return Math.max(0, this.freeBytes + this.leavingBytes + sumBytes(yielding));
  }

  private evictNext(): void {
    const victim = this.victims.shift();
    if (victim === undefined) throw new Error("evicted more than was available: this is a bug");
    this.evicted.push(victim.held.key);
    this.leavingBytes += victim.held.memoryBytes;
  }
}

/** Of the order of victims, those that yield are the first. */
function yields({ priority, recencyMs }: Victim, want: DesiredInstance): boolean {
  return priority < want.priority || (priority === want.priority && recencyMs < want.desiredAtMs);
}

function nextRetry(
  wanted: ReadonlyMap<string, DesiredInstance>,
  held: readonly HeldInstance[],
  nowMs: number,
): number | null {
  const times = held
    .filter((h) => h.phase === "failed" && wanted.has(h.key) && h.retryAtMs > nowMs)
    .map((h) => h.retryAtMs);
  return times.length === 0 ? null : Math.min(...times);
}

function isServing(held: HeldInstance): boolean {
  return (
    held.phase === "ready" || held.phase === "loading" || held.phase === "probing" || held.phase === "failed"
  );
}

function sumBytes(held: readonly HeldInstance[]): number {
  return held.reduce((sum, h) => sum + h.memoryBytes, 0);
}

function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
