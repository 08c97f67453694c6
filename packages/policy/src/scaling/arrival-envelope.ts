/** The most arrivals that were seen in any window of one length. */
export interface EnvelopePoint {
  readonly windowMs: number;
  readonly arrivals: number;
}

/** The most arrivals in windows of one latency, twice that, and so on up to a minute; the shortest window first. */
export type ArrivalEnvelope = readonly EnvelopePoint[];

/** Longest window of an envelope. */
export const ENVELOPE_WINDOW_MAX_MS = 60_000;
/** Shortest window: below it the clock that counts is read too seldom. */
const WINDOW_LEAST_MS = 10;
/** Shortest window of a class without a latency objective. */
const UNSTATED_WINDOW_MS = 1_000;
/** A window is the slot under way and the ones before it; so much finer than windows arrivals are counted. */
const SLOTS = 4;

/** Returns the lengths of the windows of an envelope, ms: `latencyMs` (null: one second), doubled up to a minute. */
export function envelopeWindows(latencyMs: number | null): readonly number[] {
  const windows: number[] = [];
  let windowMs = Math.max(WINDOW_LEAST_MS, latencyMs ?? UNSTATED_WINDOW_MS);
  for (; windowMs < ENVELOPE_WINDOW_MAX_MS; windowMs *= 2) windows.push(windowMs);
  return [...windows, ENVELOPE_WINDOW_MAX_MS];
}

/**
 * Counts arrivals in sliding windows of several lengths, the shortest first; time is given with each call, and what goes
 * back counts as now. Adding is O(1), and O(windows) once in a quarter of the shortest. A window slides by a quarter of its
 * length, so that up to a quarter at its beginning is left out.
 */
export class ArrivalWindows {
  private readonly counts: Float64Array;
  private readonly sums: Float64Array;
  private readonly newest: Float64Array;
  private now: Float64Array;
  private before: Float64Array;
  /** Slot of the shortest window that is under way, when it began to fill, and what came in it. */
  private readonly slotMs: number;
  private slot = 0;
  private slotAtMs = 0;
  private pending = 0;

  constructor(readonly windowsMs: readonly number[]) {
    const { length } = windowsMs;
    this.counts = new Float64Array(length * SLOTS);
    this.sums = new Float64Array(length);
    this.newest = new Float64Array(length);
    this.now = new Float64Array(length);
    this.before = new Float64Array(length);
    this.slotMs = (windowsMs[0] ?? ENVELOPE_WINDOW_MAX_MS) / SLOTS;
  }

  add(arrivals: number, nowMs: number): void {
    const slot = Math.floor(nowMs / this.slotMs);
    if (slot > this.slot) {
      this.settle();
      this.slot = slot;
      this.slotAtMs = nowMs;
    }
    this.pending += arrivals;
  }

  /** The most arrivals by window since the turn before the last one. */
  most(): readonly number[] {
    this.settle();
    return this.windowsMs.map((_, w) => Math.max(this.now[w]!, this.before[w]!));
  }

  /** Begins a new period of `most`, which keeps the one that ends. */
  turn(): void {
    this.settle();
    [this.before, this.now] = [this.now, this.before];
    this.now.fill(0);
  }

  /** Counts what came in the slot under way in every window. */
  private settle(): void {
    const { windowsMs, counts, sums, newest, now, pending, slotAtMs } = this;
    if (pending === 0) return;
    this.pending = 0;
    for (let w = 0; w < windowsMs.length; w++) {
      const slot = Math.max(newest[w]!, Math.floor((slotAtMs * SLOTS) / windowsMs[w]!));
      if (slot !== newest[w]) this.slide(w, slot);
      counts[w * SLOTS + (slot % SLOTS)]! += pending;
      sums[w]! += pending;
      if (sums[w]! > now[w]!) now[w] = sums[w]!;
    }
  }

  private slide(w: number, slot: number): void {
    const { counts, sums, newest } = this;
    const first = w * SLOTS;
    const passed = Math.min(SLOTS, slot - newest[w]!);
    for (let i = 0; i < passed; i++) {
      const at = first + ((slot - i) % SLOTS);
      sums[w]! -= counts[at]!;
      counts[at] = 0;
    }
    newest[w] = slot;
  }
}

/**
 * Returns the service rate per second that answers every window of the envelope within the objective: what comes in a
 * window may be worked off during it and one objective more.
 */
export function envelopeRate(envelope: ArrivalEnvelope, latencyMs: number | null): number {
  const spareMs = latencyMs ?? UNSTATED_WINDOW_MS;
  const rates = envelope.map(({ windowMs, arrivals }) => (arrivals * 1_000) / (windowMs + spareMs));
  return Math.max(0, ...rates);
}

/** Arrivals beyond what was planned for a window. */
export interface Burst extends EnvelopePoint {
  /** Arrivals that the plan answers in such a window. */
  readonly planned: number;
  /** As a sentence: `312 in 0.5 s, planned 280`. */
  readonly because: string;
}

/**
 * Returns the shortest window with more arrivals than a plan of `plannedPerSecond` answers within the objective, or null:
 * the plan holds for all.
 */
export function burstBeyond(
  envelope: ArrivalEnvelope,
  plannedPerSecond: number,
  latencyMs: number | null,
): Burst | null {
  const spareMs = latencyMs ?? UNSTATED_WINDOW_MS;
  for (const { windowMs, arrivals } of envelope) {
    const planned = (plannedPerSecond * (windowMs + spareMs)) / 1_000;
    if (arrivals <= planned) continue;
    const because = `${arrivals} in ${Number((windowMs / 1_000).toPrecision(2))} s, planned ${Math.floor(planned)}`;
    return { windowMs, arrivals, planned, because };
  }
  return null;
}

/** Returns the envelope of several sources together: at worst all have their most at once. */
export function addedEnvelopes(envelopes: readonly ArrivalEnvelope[]): ArrivalEnvelope {
  const sums = new Map<number, number>();
  for (const { windowMs, arrivals } of envelopes.flat())
    sums.set(windowMs, (sums.get(windowMs) ?? 0) + arrivals);
  return [...sums]
    .map(([windowMs, arrivals]) => ({ windowMs, arrivals }))
    .sort((a, b) => a.windowMs - b.windowMs);
}
