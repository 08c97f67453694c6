import type { Slo, Variant } from "@infaas/policy";
import { Histogram } from "@infaas/runtime";
import { taskRefusals, type Unanswered } from "../query/ending";
import { OTHER_NAME } from "../query/other-name";
import type { QueryReceipt } from "../query/receipts";

/** Tasks, and variants of all tasks, that are counted apart; further ones share a row. */
const TASKS_COUNTED_MAX = 1_024;
const VARIANTS_COUNTED_MAX = 1_024;

/** Upper bounds of the buckets of a duration, seconds. */
const DURATION_BOUNDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** Upper bounds of the buckets of an accuracy. */
const ACCURACY_BOUNDS = [0.5, 0.7, 0.8, 0.85, 0.9, 0.925, 0.95, 0.96, 0.97, 0.98, 0.99, 0.995];
/** A cost that was asked for as a price per 1,000 is met when rounding alone exceeds it. */
const COST_SLACK = 1 + 1e-9;
const QUERIES_PER_QUOTE = 1_000;
const MS_PER_SECOND = 1_000;

/** What a query may require. */
export const requirementNames = ["latency", "accuracy", "cost"] as const;
const LATENCY = 0;
const ACCURACY = 1;
const COST = 2;

const unansweredKinds: readonly Unanswered[] = [...taskRefusals, "given_up"];

/** Answers of one variant. */
export interface VariantCounts {
  readonly variant: string;
  inTime: number;
  late: number;
  usd: number;
  /** From arrival to answer, seconds. */
  readonly duration: Histogram;
}

/** Ends of the queries of one task. */
export class TaskCounts {
  readonly variants = new Map<string, VariantCounts>();
  /** Measured accuracy of the variants that answered, by query. */
  readonly accuracy = new Histogram(ACCURACY_BOUNDS);
  private readonly unanswered = new Float64Array(unansweredKinds.length);
  private readonly asked = new Float64Array(requirementNames.length);
  private readonly met = new Float64Array(requirementNames.length);

  constructor(readonly task: string) {}

  /** Queries that ended so. */
  ended(how: Unanswered): number {
    return this.unanswered[unansweredKinds.indexOf(how)] ?? 0;
  }

  /** Queries that required it and were not given up by their callers, and those of them that got it. */
  requirement(name: (typeof requirementNames)[number]): { readonly asked: number; readonly met: number } {
    const index = requirementNames.indexOf(name);
    return { asked: this.asked[index] ?? 0, met: this.met[index] ?? 0 };
  }

  countAnswer({ variant, totalMs, costUsd }: AnsweredFigures, slo: Slo): void {
    const { asked, met } = this;
    const accuracy = variant.accuracy?.value ?? null;
    if (accuracy !== null) this.accuracy.observe(accuracy);
    if (slo.latencyMs !== null) {
      asked[LATENCY]!++;
      if (totalMs <= slo.latencyMs) met[LATENCY]!++;
    }
    if (slo.minAccuracy !== null) {
      asked[ACCURACY]!++;
      if (accuracy !== null && accuracy >= slo.minAccuracy) met[ACCURACY]!++;
    }
    if (slo.maxCostUsd !== null) {
      asked[COST]!++;
      if (costUsd * QUERIES_PER_QUOTE <= slo.maxCostUsd * COST_SLACK) met[COST]!++;
    }
  }

  countUnanswered(how: Unanswered, slo: Slo | null): void {
    this.unanswered[unansweredKinds.indexOf(how)]!++;
    if (slo === null || how === "given_up") return;
    if (slo.latencyMs !== null) this.asked[LATENCY]!++;
    if (slo.minAccuracy !== null) this.asked[ACCURACY]!++;
    if (slo.maxCostUsd !== null) this.asked[COST]!++;
  }
}

type AnsweredFigures = Pick<QueryReceipt, "totalMs" | "costUsd"> & {
  readonly variant: Pick<Variant, "name" | "task" | "accuracy">;
};

/** Where the last answer was counted: most come from the variant of the one before. */
interface LastCounted {
  readonly of: AnsweredFigures["variant"];
  readonly task: TaskCounts;
  readonly counts: VariantCounts;
}

/**
 * Counts how queries ended since the process began, by task, and by variant where one answered. Names are those that the cluster
 * knows; everything else counts as `OTHER_NAME`. An answer costs no look-up where it comes from the variant of the one before.
 */
export class TaskCounters {
  private readonly byTask = new Map<string, TaskCounts>();
  private variantCount = 0;
  private last: LastCounted | null = null;

  answered(answer: AnsweredFigures, slo: Slo): void {
    const { variant, totalMs, costUsd } = answer;
    const last = this.last?.of === variant ? this.last : this.find(variant);
    this.last = last;
    const { counts, task } = last;
    if (slo.latencyMs !== null && totalMs > slo.latencyMs) counts.late++;
    else counts.inTime++;
    counts.usd += costUsd;
    counts.duration.observe(totalMs / MS_PER_SECOND);
    task.countAnswer(answer, slo);
  }

  /** `task` null: what was asked for is unknown. `slo` null: it was refused before its requirements were read. */
  unanswered(task: string | null, how: Unanswered, slo: Slo | null): void {
    this.countsOf(task ?? OTHER_NAME).countUnanswered(how, slo);
  }

  /** Every task with an end. */
  readings(): readonly TaskCounts[] {
    return [...this.byTask.values()];
  }

  private find(variant: AnsweredFigures["variant"]): LastCounted {
    const task = this.countsOf(variant.task);
    return { of: variant, task, counts: this.variantOf(task, variant.name) };
  }

  private countsOf(task: string): TaskCounts {
    const known = this.byTask.get(task);
    if (known !== undefined) return known;
    if (this.byTask.size >= TASKS_COUNTED_MAX && task !== OTHER_NAME) return this.countsOf(OTHER_NAME);
    const fresh = new TaskCounts(task);
    this.byTask.set(task, fresh);
    return fresh;
  }

  private variantOf(task: TaskCounts, variant: string): VariantCounts {
    const known = task.variants.get(variant);
    if (known !== undefined) return known;
    if (this.variantCount >= VARIANTS_COUNTED_MAX && variant !== OTHER_NAME)
      return this.variantOf(task, OTHER_NAME);
    this.variantCount++;
    const fresh = { variant, inTime: 0, late: 0, usd: 0, duration: new Histogram(DURATION_BOUNDS) };
    task.variants.set(variant, fresh);
    return fresh;
  }
}
