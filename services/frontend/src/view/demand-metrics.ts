import type { KeyValue } from "@infaas/api";
import type { Objective } from "@infaas/policy";
import type { DemandClass, DemandCounts } from "./demand-class";

/** What frontends tell each other of demand: the name of each metric stands here alone. */
export const demandMetrics = {
  offered: {
    name: "infaas.frontend.demand.offered",
    unit: "{query}",
    description:
      "Queries by demand class (target, accuracy floor, latency objective, objective), also those refused, waiting or given up.",
  },
  rows: {
    name: "infaas.frontend.demand.rows",
    unit: "{item}",
    description: "Rows of these queries.",
  },
  ended: {
    name: "infaas.frontend.demand.ended",
    unit: "{query}",
    description:
      "Queries by demand class and outcome: in_time, late, refused (for any reason) or given_up (by the caller).",
  },
} as const;

/** Outcomes by the field that counts them. */
export const demandOutcomes = {
  inTime: "in_time",
  late: "late",
  refused: "refused",
  givenUp: "given_up",
} as const satisfies Partial<Record<keyof DemandCounts, string>>;

type Attributes = Readonly<Record<string, string>>;

const OBJECTIVES: readonly string[] = ["min-cost", "max-accuracy", "min-latency"] satisfies Objective[];
const NONE = "none";

/** Returns a class as attributes of a metric. */
export function demandAttributes({ target, minAccuracy, latencyMs, objective }: DemandClass): Attributes {
  return {
    target,
    accuracy: String(minAccuracy ?? NONE),
    latency_ms: String(latencyMs ?? NONE),
    objective,
  };
}

/** Returns the class that these attributes tell, or null when they tell none. */
export function demandClassFrom(attributes: readonly KeyValue[]): DemandClass | null {
  const text = new Map(
    attributes.flatMap(({ key, value }) =>
      value?.value.case === "stringValue" ? [[key, value.value.value] as const] : [],
    ),
  );
  const target = text.get("target");
  const objective = text.get("objective") ?? "";
  const minAccuracy = numberOrNone(text.get("accuracy"));
  const latencyMs = numberOrNone(text.get("latency_ms"));
  if (target === undefined || minAccuracy === undefined || latencyMs === undefined) return null;
  if (!OBJECTIVES.includes(objective)) return null;
  return { target, minAccuracy, latencyMs, objective: objective as Objective };
}

/** Null: it is said that there is none; undefined: nothing readable is said. */
function numberOrNone(text: string | undefined): number | null | undefined {
  if (text === NONE) return null;
  const value = text === undefined || text.trim() === "" ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : undefined;
}
