import { type Outcome, violationsOf } from "./outcome";

/** What a run adds up by two ways. */
export interface Books {
  /** Core time by the engines' ledgers, of batches and loads that ended and those under way, ms. */
  readonly receiptsMs: number;
  /** The same by the hosts' cores. */
  readonly usedMs: number;
  /** Host-seconds by the records of the hosts. */
  readonly billedSeconds: number;
}

/** The two may differ by so much: sums of many parts are rounded. */
const TOLERANCE = 1e-3;

/** Returns what does not add up, as sentences; none: the books balance. */
export function unbalanced(
  outcome: Outcome,
  { receiptsMs, usedMs, billedSeconds }: Books,
): readonly string[] {
  const { offered, inTime, cancelled, hostSeconds } = outcome;
  const ended = inTime + violationsOf(outcome) + cancelled;
  const { used, headroom, boot, idle } = hostSeconds;
  const paid = used + headroom + boot + idle;
  return [
    ...(ended === offered ? [] : [`${offered} queries were offered, ${ended} have ended`]),
    ...(isNear(receiptsMs, usedMs)
      ? []
      : [`batches and loads took ${receiptsMs} ms of cores by their receipts, ${usedMs} by the hosts`]),
    ...(isNear(paid, billedSeconds)
      ? []
      : [`receipts, headroom, boots and idle time are ${paid} host-seconds, the bill has ${billedSeconds}`]),
    ...(Math.min(headroom, boot, idle) < -TOLERANCE * paid ? ["a part of the bill is negative"] : []),
  ];
}

function isNear(a: number, b: number): boolean {
  return Math.abs(a - b) <= TOLERANCE * Math.max(1, a, b);
}
