import type { Receipt } from "@infaas/api/messages";

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
