import type { KeyValue } from "@infaas/api";
import { type Objective, refusalReasons } from "@infaas/policy";
import type { DemandClass, DemandField, DemandReading } from "./demand-class";

type Attributes = Readonly<Record<string, string>>;

/** One data point of a demand metric, without the attributes of its class. */
export interface DemandPoint {
  readonly value: number;
  readonly attributes: Attributes;
}

/** A metric that frontends tell each other, and collectors, of their demand. */
export interface DemandMetric {
  readonly name: string;
  readonly unit: string;
  readonly description: string;
  readonly kind: "counter" | "gauge";
  /** Its points of one class. Counts of 0 are left out but for the first. */
  points(reading: DemandReading): readonly DemandPoint[];
}

const PLAIN: Attributes = {};

/** Outcomes of queries that have ended, by the field that counts them. */
const outcomes = new Map<DemandField, Attributes>([
  ["inTime", { outcome: "in_time" }],
  ["late", { outcome: "late" }],
  ["givenUp", { outcome: "given_up" }],
  ...refusalReasons.map((reason): [DemandField, Attributes] => [
    `refused.${reason}`,
    { outcome: "refused", reason },
  ]),
]);

/** What frontends tell of demand: the name of each metric stands here alone. */
export const demandMetrics = {
  offered: counter(
    "offered",
    "{query}",
    "Queries by demand class (target, accuracy floor, latency objective, cost cap, objective, downgrade allowed, rows), also those refused, waiting or given up.",
    "offered",
  ),
  rows: counter("rows", "{item}", "Rows of these queries.", "rows"),
  retried: counter(
    "retried",
    "{query}",
    "Queries that their callers sent again, by demand class; they do not count as offered.",
    "retried",
  ),
  ended: {
    name: "infaas.frontend.demand.ended",
    unit: "{query}",
    description:
      "Queries by demand class and outcome: in_time, late, refused (by reason: full, late, infeasible, unavailable, failed) or given_up (by the caller).",
    kind: "counter",
    points: ({ counts }: DemandReading) =>
      [...outcomes].flatMap(([field, attributes]) =>
        counts[field] > 0 ? [{ value: counts[field], attributes }] : [],
      ),
  },
  downgraded: counter(
    "downgraded",
    "{query}",
    "Queries by demand class that load forced a lesser variant on.",
    "downgraded",
  ),
  cold: counter("cold", "{query}", "Queries by demand class that were answered after a load.", "cold"),
  latency: {
    name: "infaas.frontend.demand.latency",
    unit: "ms",
    description: "The tightest latency objective that was asked for, by demand class.",
    kind: "gauge",
    points: ({ latencyMs }: DemandReading) =>
      latencyMs === null ? [] : [{ value: latencyMs, attributes: PLAIN }],
  },
  burst: {
    name: "infaas.frontend.demand.burst",
    unit: "{query}",
    description:
      "The most queries by demand class that came within a window of window_ms lately, from one latency to a minute.",
    kind: "gauge",
    points: ({ bursts }: DemandReading) =>
      [...bursts].map(([windowMs, value]) => ({ value, attributes: { window_ms: String(windowMs) } })),
  },
} as const satisfies Readonly<Record<string, DemandMetric>>;

function counter(name: string, unit: string, description: string, field: DemandField): DemandMetric {
  return {
    name: `infaas.frontend.demand.${name}`,
    unit,
    description,
    kind: "counter",
    points: ({ counts }) =>
      counts[field] > 0 || field === "offered" ? [{ value: counts[field], attributes: PLAIN }] : [],
  };
}

/** What one data point says of a class. */
export type DemandFact =
  | { readonly kind: "count"; readonly field: DemandField }
  | { readonly kind: "latency" }
  | { readonly kind: "burst"; readonly windowMs: number };

const fields = new Map<string, DemandField>([
  [demandMetrics.offered.name, "offered"],
  [demandMetrics.rows.name, "rows"],
  [demandMetrics.retried.name, "retried"],
  [demandMetrics.downgraded.name, "downgraded"],
  [demandMetrics.cold.name, "cold"],
]);

/** Returns what a point of this metric with these attributes tells; null: nothing of demand. */
export function demandFact(metric: string, attributes: readonly KeyValue[]): DemandFact | null {
  const field = fields.get(metric);
  if (field !== undefined) return { kind: "count", field };
  const text = textsOf(attributes);
  if (metric === demandMetrics.latency.name) return { kind: "latency" };
  if (metric === demandMetrics.burst.name) {
    const windowMs = numberOrNone(text.get("window_ms"));
    return typeof windowMs === "number" && windowMs > 0 ? { kind: "burst", windowMs } : null;
  }
  if (metric !== demandMetrics.ended.name) return null;
  for (const [ended, { outcome, reason }] of outcomes)
    if (text.get("outcome") === outcome && text.get("reason") === reason)
      return { kind: "count", field: ended };
  return null;
}

const OBJECTIVES: readonly string[] = ["min-cost", "max-accuracy", "min-latency"] satisfies Objective[];
const NONE = "none";

/** Returns a class as attributes of a metric. */
export function demandAttributes(of: DemandClass): Attributes {
  const { target, minAccuracy, latencyFromMs, maxCostUsd, objective, noDowngrade, rowsFrom } = of;
  return {
    target,
    accuracy: String(minAccuracy ?? NONE),
    latency_ms: String(latencyFromMs ?? NONE),
    cost_usd: String(maxCostUsd ?? NONE),
    objective,
    downgrade: noDowngrade ? "refused" : "allowed",
    rows: String(rowsFrom),
  };
}

/** Returns the class that these attributes tell, or null when they tell none. */
export function demandClassFrom(attributes: readonly KeyValue[]): DemandClass | null {
  const text = textsOf(attributes);
  const target = text.get("target");
  const objective = text.get("objective") ?? "";
  const downgrade = text.get("downgrade");
  const minAccuracy = numberOrNone(text.get("accuracy"));
  const latencyFromMs = numberOrNone(text.get("latency_ms"));
  const maxCostUsd = numberOrNone(text.get("cost_usd"));
  const rowsFrom = numberOrNone(text.get("rows"));
  if (target === undefined || minAccuracy === undefined || latencyFromMs === undefined) return null;
  if (maxCostUsd === undefined || typeof rowsFrom !== "number" || !(rowsFrom >= 1)) return null;
  if (!OBJECTIVES.includes(objective) || (downgrade !== "allowed" && downgrade !== "refused")) return null;
  const noDowngrade = downgrade === "refused";
  const asked = { target, minAccuracy, latencyFromMs, maxCostUsd, rowsFrom, noDowngrade };
  return { ...asked, objective: objective as Objective };
}

function textsOf(attributes: readonly KeyValue[]): ReadonlyMap<string, string> {
  return new Map(
    attributes.flatMap(({ key, value }) =>
      value?.value.case === "stringValue" ? [[key, value.value.value] as const] : [],
    ),
  );
}

/** Null: it is said that there is none; undefined: nothing readable is said. */
function numberOrNone(text: string | undefined): number | null | undefined {
  if (text === NONE) return null;
  const value = text === undefined || text.trim() === "" ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : undefined;
}
