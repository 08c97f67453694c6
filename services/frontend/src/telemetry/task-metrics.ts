import type { HistogramPoint, Instrument } from "@infaas/runtime";
import { taskRefusals } from "../query/ending";
import { requirementNames, type TaskCounts, type VariantCounts } from "./task-counters";

type Attributes = Readonly<Record<string, string>>;

/** One row of a counter. */
export interface CounterPoint {
  readonly value: number;
  readonly attributes: Attributes;
}

/** A counter by task. */
export interface TaskCounter extends Instrument {
  readonly kind: "counter";
  points(counts: TaskCounts): readonly CounterPoint[];
}

/** A histogram by task. */
export interface TaskHistogram extends Instrument {
  readonly kind: "histogram";
  points(counts: TaskCounts): readonly HistogramPoint[];
}

/** What a frontend tells of tasks, to collectors by these names and to Prometheus by those that follow from them. */
export const taskMetrics = {
  queriesByTask: {
    name: "infaas.queries",
    unit: "{query}",
    description:
      "Queries that ended, by task and outcome: in_time (or without a latency objective) and late with the variant that answered, refused with its reason (full, late, infeasible, unavailable, invalid, failed), given_up by the caller. Names that the cluster does not know are _OTHER.",
    kind: "counter",
    points: (counts) => [
      ...[...counts.variants.values()].flatMap((answering) => answeredPoints(counts, answering)),
      ...unansweredPoints(counts),
    ],
  },
  queryDuration: {
    name: "infaas.query.duration",
    unit: "s",
    description: "Time from arrival to answer of answered queries, by task and variant.",
    kind: "histogram",
    points: (counts) =>
      [...counts.variants.values()].map(({ variant, duration }) => ({
        attributes: { task: counts.task, variant },
        histogram: duration,
      })),
  },
  objectiveAsked: {
    name: "infaas.objective.asked",
    unit: "{query}",
    description:
      "Queries that required something and were answered or refused, by task and objective: latency, accuracy or cost.",
    kind: "counter",
    points: (counts) => objectivePoints(counts, "asked"),
  },
  objectiveMet: {
    name: "infaas.objective.met",
    unit: "{query}",
    description: "Those of them that got it; what is unmeasured meets no accuracy.",
    kind: "counter",
    points: (counts) => objectivePoints(counts, "met"),
  },
  costByTask: {
    name: "infaas.cost.usd",
    unit: "{USD}",
    description: "US dollars of the receipts of answered queries, by task and variant.",
    kind: "counter",
    points: (counts) =>
      [...counts.variants.values()].map(({ variant, usd }) => ({
        value: usd,
        attributes: { task: counts.task, variant },
      })),
  },
  accuracyServed: {
    name: "infaas.accuracy.served",
    unit: "1",
    description:
      "Accuracy of the variants that answered, as measured or declared, by task; one observation a query.",
    kind: "histogram",
    points: ({ task, accuracy }) =>
      accuracy.count > 0 ? [{ attributes: { task }, histogram: accuracy }] : [],
  },
} as const satisfies Readonly<Record<string, TaskCounter | TaskHistogram>>;

function answeredPoints(
  { task }: TaskCounts,
  { variant, inTime, late }: VariantCounts,
): readonly CounterPoint[] {
  return [
    { value: inTime, attributes: { task, variant, outcome: "in_time" } },
    { value: late, attributes: { task, variant, outcome: "late" } },
  ];
}

/** Reasons that did not occur are left out. */
function unansweredPoints(counts: TaskCounts): readonly CounterPoint[] {
  const { task } = counts;
  const refused = taskRefusals.map((reason) => ({
    value: counts.ended(reason),
    attributes: { task, outcome: "refused", reason },
  }));
  const givenUp = { value: counts.ended("given_up"), attributes: { task, outcome: "given_up" } };
  return [...refused, givenUp].filter(({ value }) => value > 0);
}

/** Objectives that no query had are left out. */
function objectivePoints(counts: TaskCounts, which: "asked" | "met") {
  return requirementNames.flatMap((objective) => {
    const told = counts.requirement(objective);
    return told.asked > 0 ? [{ value: told[which], attributes: { task: counts.task, objective } }] : [];
  });
}
