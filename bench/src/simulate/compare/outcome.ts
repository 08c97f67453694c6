import type { HostSeconds } from "./host-meter";

/** Queries that were not answered in time, by why. */
export interface Violations {
  readonly late: number;
  /** Refused, or dropped from a queue, because they would have been late. */
  readonly shed: number;
  /** For want of room, or of an executor. */
  readonly refused: number;
  /** Late after waiting for a load. */
  readonly cold: number;
  /** The process that had them was lost. */
  readonly lost: number;
}

/** What became of one load under one policy, without the warm-up; JSON. */
export interface Outcome {
  readonly policy: string;
  readonly seed: number;
  readonly seconds: number;
  readonly offered: number;
  readonly inTime: number;
  readonly cancelled: number;
  readonly violations: Violations;
  /** Accuracies of answered queries added up. */
  readonly accuracySum: number;
  readonly answered: number;
  readonly downgraded: number;
  readonly hostSeconds: HostSeconds;
  readonly usdPerHostSecond: number;
  readonly loads: number;
  readonly starts: number;
  readonly reversals: number;
  /** Queries offered in each second, by class: what the bounds know. */
  readonly arrivals: readonly (readonly number[])[];
}

/** Figures of an outcome that are compared. */
export interface Figures {
  readonly goodputPerSecond: number;
  /** Share of the offered queries that was answered in time. */
  readonly attainment: number;
  /** Mean of the answered ones; one that was not answered counts as 0 in the second. */
  readonly accuracyServed: number;
  readonly accuracyOffered: number;
  readonly usd: number;
}

export function figuresOf(o: Outcome): Figures {
  const offered = Math.max(1, o.offered);
  return {
    goodputPerSecond: o.inTime / o.seconds,
    attainment: o.inTime / offered,
    accuracyServed: o.accuracySum / Math.max(1, o.answered),
    accuracyOffered: o.accuracySum / offered,
    usd: usdOf(o),
  };
}

export function usdOf({ hostSeconds, usdPerHostSecond }: Outcome): number {
  const { used, headroom, boot, idle } = hostSeconds;
  return (used + headroom + boot + idle) * usdPerHostSecond;
}

export function violationsOf({ violations }: Outcome): number {
  const { late, shed, refused, cold, lost } = violations;
  return late + shed + refused + cold + lost;
}
