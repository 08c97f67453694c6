/** Hosts that demand needed from a moment on, until the next entry. */
interface Need {
  readonly fromMs: number;
  readonly hosts: number;
}

/** What scaling remembers from round to round; a value. A frontend that begins to lead begins with a fresh one. */
export interface ScalingMemory {
  readonly sinceMs: number;
  /** How long fewer hosts must have been enough before one goes. */
  readonly holdMs: number;
  /** When a host was let go last. */
  readonly inAtMs: number | null;
  /** When a host was asked for last. */
  readonly outAtMs: number | null;
  /** When a host was asked for last although one had been let go just before. */
  readonly reversedAtMs: number | null;
  readonly needs: readonly Need[];
}

export interface HoldOptions {
  readonly holdMs: number;
  readonly holdMaxMs: number;
}

/** A reversal is a start that folneeds an end within so many holds. */
const REVERSAL_HOLDS = 2;
/** After so many holds without a reversal the hold is the first one again. */
const CALM_HOLDS = 4;

/** Nothing is known of before `nowMs`, so nothing goes within the first hold. */
export function freshMemory({ holdMs }: HoldOptions, nowMs: number): ScalingMemory {
  return { sinceMs: nowMs, holdMs, inAtMs: null, outAtMs: null, reversedAtMs: null, needs: [] };
}

/** Notes how many hosts are needed. */
export function notedNeed(memory: ScalingMemory, hosts: number, nowMs: number): ScalingMemory {
  const needs =
    memory.needs.at(-1)?.hosts === hosts ? memory.needs : [...memory.needs, { fromMs: nowMs, hosts }];
  // The entry before the window still counts at its beginning.
  const first = needs.findLastIndex(({ fromMs }) => fromMs <= nowMs - memory.holdMs);
  return { ...memory, needs: first > 0 ? needs.slice(first) : needs };
}

/** The most hosts that were needed at any time of the last hold; Infinity: not so long known, or one was asked for meanwhile. */
export function mostOfHold({ sinceMs, outAtMs, holdMs, needs }: ScalingMemory, nowMs: number): number {
  if (nowMs - Math.max(sinceMs, outAtMs ?? sinceMs) < holdMs) return Number.POSITIVE_INFINITY;
  return Math.max(0, ...needs.map(({ hosts }) => hosts));
}

/** Notes that a host is let go. */
export function notedIn(memory: ScalingMemory, nowMs: number): ScalingMemory {
  return { ...memory, inAtMs: nowMs };
}

/** Notes that hosts are asked for: too soon after one was let go, the hold doubles. */
export function notedOut(memory: ScalingMemory, { holdMaxMs }: HoldOptions, nowMs: number): ScalingMemory {
  const { inAtMs, holdMs } = memory;
  const noted = { ...memory, outAtMs: nowMs };
  if (inAtMs === null || nowMs - inAtMs > REVERSAL_HOLDS * holdMs) return noted;
  return { ...noted, holdMs: Math.min(holdMaxMs, 2 * holdMs), inAtMs: null, reversedAtMs: nowMs };
}

/** Forgets reversals that are long past. */
export function calmed(memory: ScalingMemory, { holdMs }: HoldOptions, nowMs: number): ScalingMemory {
  const { reversedAtMs } = memory;
  if (reversedAtMs === null || nowMs - reversedAtMs < CALM_HOLDS * memory.holdMs) return memory;
  return { ...memory, holdMs, reversedAtMs: null };
}
