import { type Candidate, type Receipt, Verdict } from "@infaas/api/messages";

/** Milliseconds with three digits: `0.42 ms`. */
export function milliseconds(ms: number): string {
  return `${digits(ms)} ms`;
}

/** US dollars, written out: `$0.000000082`. */
export function dollars(usd: number): string {
  if (usd === 0) return "$0";
  const places = Math.max(2, 1 - Math.floor(Math.log10(Math.abs(usd))));
  return `$${usd.toFixed(Math.min(places, 20))}`;
}

export function percent(share: number): string {
  return `${digits(share * 100)} %`;
}

function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** One part of a query's time. */
export interface Stage {
  readonly name: string;
  readonly ms: number;
}

/** Where the time of a query went, in order; what no stage has counted is `rest`. */
export function stagesOf(receipt: Receipt): Stage[] {
  const counted = [
    { name: "select", ms: receipt.selectMs },
    { name: "network", ms: receipt.networkMs },
    ...(receipt.adaptMs > 0 ? [{ name: "adapt", ms: receipt.adaptMs }] : []),
    { name: "queue", ms: receipt.queueMs },
    { name: "gather", ms: receipt.gatherMs },
    { name: "compute", ms: receipt.computeMs },
    { name: "scatter", ms: receipt.scatterMs },
  ];
  const rest = receipt.totalMs - counted.reduce((sum, { ms }) => sum + ms, 0);
  return [...counted, { name: "rest", ms: Math.max(0, rest) }];
}

/** Why a candidate lost, or that it won, as a sentence. */
export function reasonOf({ verdict, value, limit }: Candidate): string {
  const reason = reasons[verdict];
  return reason === undefined ? "not considered" : reason(value, limit);
}

type Reason = (value: number, limit: number) => string;
const reasons: Readonly<Partial<Record<Verdict, Reason>>> = {
  [Verdict.SELECTED]: () => "answers",
  [Verdict.ACCURACY_BELOW_FLOOR]: (has, floor) =>
    `accuracy ${has.toFixed(4)} is below the floor of ${floor.toFixed(4)}`,
  [Verdict.LATENCY_ABOVE_SLO]: (has, limit) =>
    `would take ${milliseconds(has)}, ${milliseconds(limit)} are allowed`,
  [Verdict.COST_ABOVE_MAX]: (has, limit) => `costs ${dollars(has)} per 1,000, ${dollars(limit)} are allowed`,
  [Verdict.BATCH_TOO_LARGE]: (has, most) => `${has} rows are asked, ${most} are the most`,
  [Verdict.OVERLOADED]: () => "has more work than it gets done in time",
  [Verdict.INTERFERED]: () => "is slowed down by its neighbours",
  [Verdict.NOT_LOADED]: (has) => `is not loaded; with that it would take ${milliseconds(has)}`,
  [Verdict.DEARER]: (has, winner) => `costs ${dollars(has)} per 1,000, the winner ${dollars(winner)}`,
  [Verdict.LESS_ACCURATE]: (has, winner) => `accuracy ${has.toFixed(4)}, the winner ${winner.toFixed(4)}`,
  [Verdict.NO_ROOM]: () => "finds no executor with memory for it",
  [Verdict.NO_EXECUTOR]: () => "finds no executor that takes work",
  [Verdict.OUTRANKED]: (has, winner) =>
    `equal by the objective, completes in ${milliseconds(has)}, the winner in ${milliseconds(winner)}`,
};
