import { NO_ACCURACY } from "./catalog";
import { costPerQueryUsd, fitsHost, type Host } from "./cost";
import { predictBatchMs } from "./latency-profile";
import type { Executor, Variant } from "./types";

/** One instance to load. */
export interface PlannedInstance {
  readonly variant: string;
  readonly executor: string;
}

/** The first instances after a registration, and what was left out. */
export interface InitialPlacement {
  readonly placements: readonly PlannedInstance[];
  readonly leftOut: readonly {
    readonly variant: string;
    readonly reason: "dominated" | "no-room" | "no-executor";
  }[];
}

interface Figures {
  readonly variant: Variant;
  readonly accuracy: number;
  readonly itemUsd: number;
  readonly latencyMs: number;
}

/**
 * Returns the variants that no other beats: at least as accurate, as cheap and as fast (one row, p95), and
 * better in one. Of equals the first by name stays. Cost is taken on `host`; those that do not fit it are not
 * returned.
 */
export function paretoEfficient(variants: readonly Variant[], host: Host): readonly Variant[] {
  const figures = variants.filter((v) => fitsHost(v, host)).map((variant) => figuresOf(variant, host));
  const kept: Figures[] = [];
  for (const f of figures.sort(bestFirst)) if (!kept.some((k) => dominates(k, f))) kept.push(f);
  return kept.map((f) => f.variant);
}

/**
 * Plans one instance of each efficient variant, the cheapest first, on the least loaded executor that has
 * room. Efficient is what is efficient on some executor's host. Memory already planned counts as taken.
 * `placed` says how many instances each executor is to have already, so that many small registrations spread
 * as one large one does.
 */
export function planInitialPlacement(
  variants: readonly Variant[],
  executors: readonly Executor[],
  placed: ReadonlyMap<string, number> = new Map(),
): InitialPlacement {
  const accepting = executors.filter((e) => e.accepting);
  const efficient = new Set(accepting.flatMap((e) => paretoEfficient(variants, e)));
  const freeBytes = new Map(accepting.map((e) => [e.name, e.memoryFreeBytes]));
  const planned = new Map(placed);
  const placements: PlannedInstance[] = [];
  const leftOut: InitialPlacement["leftOut"][number][] = [];
  for (const variant of byCostAnywhere(variants, accepting)) {
    const able = accepting.filter((e) => fitsHost(variant, e));
    const roomy = able.filter((e) => (freeBytes.get(e.name) ?? 0) >= variant.profile.peakMemoryBytes);
    const executor = roomy.sort(leastLoaded(planned))[0];
    if (able.length === 0) leftOut.push({ variant: variant.name, reason: "no-executor" });
    else if (!efficient.has(variant)) leftOut.push({ variant: variant.name, reason: "dominated" });
    else if (!executor) leftOut.push({ variant: variant.name, reason: "no-room" });
    else {
      placements.push({ variant: variant.name, executor: executor.name });
      planned.set(executor.name, (planned.get(executor.name) ?? 0) + 1);
      freeBytes.set(executor.name, (freeBytes.get(executor.name) ?? 0) - variant.profile.peakMemoryBytes);
    }
  }
  return { placements, leftOut };
}

function figuresOf(variant: Variant, host: Host): Figures {
  return {
    variant,
    accuracy: variant.accuracy?.value ?? NO_ACCURACY,
    itemUsd: costPerQueryUsd(variant, host),
    latencyMs: predictBatchMs(variant.profile, 1, "p95"),
  };
}

function dominates(a: Figures, b: Figures): boolean {
  return a.accuracy >= b.accuracy && a.itemUsd <= b.itemUsd && a.latencyMs <= b.latencyMs;
}

function bestFirst(a: Figures, b: Figures): number {
  return (
    b.accuracy - a.accuracy ||
    a.itemUsd - b.itemUsd ||
    a.latencyMs - b.latencyMs ||
    byText(a.variant.name, b.variant.name)
  );
}

/** Cheapest first, at the price of the executor where it is cheapest. */
function byCostAnywhere(variants: readonly Variant[], executors: readonly Executor[]): readonly Variant[] {
  const leastUsd = (v: Variant) =>
    executors.reduce((least, e) => Math.min(least, costPerQueryUsd(v, e)), Number.MAX_VALUE);
  return variants
    .map((variant) => ({ variant, usd: leastUsd(variant) }))
    .sort((a, b) => a.usd - b.usd || byText(a.variant.name, b.variant.name))
    .map(({ variant }) => variant);
}

/** Fewest wanted first, so that a quiet cluster is filled evenly; then utilisation, then name. */
function leastLoaded(planned: ReadonlyMap<string, number>): (a: Executor, b: Executor) => number {
  return (a, b) =>
    (planned.get(a.name) ?? 0) - (planned.get(b.name) ?? 0) ||
    a.utilisation - b.utilisation ||
    byText(a.name, b.name);
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
