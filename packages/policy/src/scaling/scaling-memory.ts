import { VIOLATION_FACTOR_LEAST } from "./violation-price";

/** Rows per second that a class needed at a moment, and less ever since. */
interface Peak {
  readonly atMs: number;
  readonly rowsPerSecond: number;
}

/** What scaling remembers from round to round; a value. A frontend that begins to lead begins with a fresh one. */
export interface ScalingMemory {
  /** Since when all demand is known without a gap. */
  readonly sinceMs: number;
  /** When the last round was. */
  readonly atMs: number;
  /** How long fewer hosts must have been enough before one goes. */
  readonly holdMs: number;
  /** When a host was let go last. */
  readonly inAtMs: number | null;
  /** When a host was asked for last. */
  readonly outAtMs: number | null;
  /** When a host was asked for last although one had been let go just before. */
  readonly reversedAtMs: number | null;
  /** The largest needs of the hold by class, each later and lower than the one before. */
  readonly peaks: ReadonlyMap<string, readonly Peak[]>;
  /** What a violation costs, in multiples of what answering the query costs. */
  readonly violationFactor: number;
  /** Since when each thing could be done without, by name; absent where the policy waits for nothing of the kind. */
  readonly spareSinceMs?: ReadonlyMap<string, number>;
}

export interface HoldOptions {
  readonly holdMs: number;
  readonly holdMaxMs: number;
}

/** A reversal is a start that follows an end within so many holds. */
const REVERSAL_HOLDS = 2;
/** After so long without a reversal the hold is the first one again: so many holds, and at least ten minutes. */
const CALM_HOLDS = 4;
const CALM_LEAST_MS = 600_000;
/** A hold that is to last from one peak to the next is so much longer than the two were apart. */
const GAP_HOLDS = 1.25;

/** Nothing is known of before `nowMs`, so nothing goes within the first hold. */
export function freshMemory({ holdMs }: HoldOptions, nowMs: number): ScalingMemory {
  return {
    sinceMs: nowMs,
    atMs: nowMs,
    holdMs,
    inAtMs: null,
    outAtMs: null,
    reversedAtMs: null,
    peaks: new Map(),
    violationFactor: VIOLATION_FACTOR_LEAST,
  };
}

/** Needs that differ by less than this are one, the larger; it bounds how many peaks a class has. */
const PEAK_STEP = 1.05;

/** Notes what each class needs now. O(classes). */
export function notedNeeds(
  memory: ScalingMemory,
  needs: ReadonlyMap<string, number>,
  nowMs: number,
): ScalingMemory {
  const peaks = new Map<string, readonly Peak[]>();
  for (const key of new Set([...memory.peaks.keys(), ...needs.keys()])) {
    const rowsPerSecond = needs.get(key) ?? 0;
    const kept = (memory.peaks.get(key) ?? []).filter(
      (peak) => peak.rowsPerSecond > rowsPerSecond && nowMs - peak.atMs < memory.holdMs,
    );
    const last = kept.at(-1);
    const isSame = last !== undefined && rowsPerSecond > 0 && last.rowsPerSecond < PEAK_STEP * rowsPerSecond;
    if (isSame) kept[kept.length - 1] = { ...last, atMs: nowMs };
    else if (rowsPerSecond > 0) kept.push({ atMs: nowMs, rowsPerSecond });
    if (kept.length > 0) peaks.set(key, kept);
  }
  return { ...memory, peaks };
}

/** The largest need of each class within the hold, rows per second. */
export function mostOfHold({ peaks }: ScalingMemory): ReadonlyMap<string, number> {
  return new Map([...peaks].map(([key, [first]]) => [key, first?.rowsPerSecond ?? 0]));
}

/** Whether a whole hold is known, and no host was asked for within it: only then does one go. */
export function isHoldOver({ sinceMs, outAtMs, holdMs }: ScalingMemory, nowMs: number): boolean {
  return nowMs - Math.max(sinceMs, outAtMs ?? sinceMs) >= holdMs;
}

/** Notes that a host is let go. */
export function notedIn(memory: ScalingMemory, nowMs: number): ScalingMemory {
  return { ...memory, inAtMs: nowMs };
}

/**
 * Notes that hosts are asked for. Too soon after one was let go, the hold doubles, or is from now on so long that it would
 * have kept that one: a load that comes and goes by the clock is then followed no further.
 */
export function notedOut(memory: ScalingMemory, { holdMaxMs }: HoldOptions, nowMs: number): ScalingMemory {
  const { inAtMs, holdMs } = memory;
  const noted = { ...memory, outAtMs: nowMs };
  if (inAtMs === null || nowMs - inAtMs > REVERSAL_HOLDS * holdMs) return noted;
  const longer = Math.max(2 * holdMs, GAP_HOLDS * (nowMs - inAtMs + holdMs));
  return { ...noted, holdMs: Math.min(holdMaxMs, longer), inAtMs: null, reversedAtMs: nowMs };
}

/** Forgets reversals that are long past. */
export function calmed(memory: ScalingMemory, { holdMs }: HoldOptions, nowMs: number): ScalingMemory {
  const { reversedAtMs } = memory;
  const calmMs = Math.max(CALM_LEAST_MS, CALM_HOLDS * memory.holdMs);
  if (reversedAtMs === null || nowMs - reversedAtMs < calmMs) return memory;
  return { ...memory, holdMs, reversedAtMs: null };
}
