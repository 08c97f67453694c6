import type { Slo } from "@infaas/policy";
import { TaskCounters } from "./task-counters";
import { taskMetrics } from "./task-metrics";

const anything: Slo = {
  latencyMs: null,
  minAccuracy: null,
  maxCostUsd: null,
  objective: "min-cost",
  noDowngrade: false,
  deterministic: false,
};

/** An answer of a variant; a cost of 0.00001 is one of 0.01 per 1,000. */
function answer(name: string, { task = "digits", accuracy = 0.9, totalMs = 4, costUsd = 0.00001 } = {}) {
  const measured = { value: accuracy, metric: "accuracy", dataset: "d", sampleCount: 9 } as const;
  return {
    variant: { name, task, accuracy: { ...measured, origin: "measured" as const } },
    totalMs,
    costUsd,
  };
}

/** Rows of a counter, each as `outcome variant value` and the like. */
function rows(
  counters: TaskCounters,
  metric: "queriesByTask" | "objectiveAsked" | "objectiveMet" | "costByTask",
) {
  return counters
    .readings()
    .flatMap((counts) => taskMetrics[metric].points(counts))
    .map(({ value, attributes }) => `${Object.values(attributes).join(" ")} ${value}`);
}

describe("TaskCounters", () => {
  it("counts ends under the task, with the variant that answered or the reason of the refusal", () => {
    const counters = new TaskCounters();
    counters.answered(answer("a"), anything);
    counters.answered(answer("b", { totalMs: 30 }), { ...anything, latencyMs: 20 });
    counters.answered(answer("a"), { ...anything, latencyMs: 20 });
    counters.unanswered("digits", "infeasible", anything);
    counters.unanswered("digits", "given_up", anything);
    counters.unanswered(null, "invalid", null);
    expect(rows(counters, "queriesByTask")).toEqual([
      "digits a in_time 2",
      "digits a late 0",
      "digits b in_time 0",
      "digits b late 1",
      "digits refused infeasible 1",
      "digits given_up 1",
      "_OTHER refused invalid 1",
    ]);
    expect(rows(counters, "costByTask")).toEqual(["digits a 0.00002", "digits b 0.00001"]);
  });

  it("counts as asked for and missed what a refused query required, not what one required that was given up", () => {
    const counters = new TaskCounters();
    const slo = { ...anything, latencyMs: 5, minAccuracy: 0.9, maxCostUsd: 0.01 };
    counters.answered(answer("a"), slo);
    counters.answered(answer("a", { totalMs: 6 }), { ...anything, latencyMs: 5 });
    counters.answered(answer("a", { costUsd: 0.00002 }), { ...anything, maxCostUsd: 0.01 });
    counters.unanswered("digits", "full", slo);
    counters.unanswered("digits", "given_up", slo);
    expect(rows(counters, "objectiveAsked")).toEqual([
      "digits latency 3",
      "digits accuracy 2",
      "digits cost 3",
    ]);
    expect(rows(counters, "objectiveMet")).toEqual([
      "digits latency 1",
      "digits accuracy 1",
      "digits cost 1",
    ]);
  });

  it("tells nothing of what never occurred, so that no ratio is one of zeros", () => {
    const counters = new TaskCounters();
    counters.unanswered("digits", "late", anything);
    expect(rows(counters, "queriesByTask")).toEqual(["digits refused late 1"]);
    expect(rows(counters, "objectiveAsked")).toEqual([]);
    const [counts] = counters.readings();
    expect(taskMetrics.accuracyServed.points(counts!)).toEqual([]);
    expect(taskMetrics.queryDuration.points(counts!)).toEqual([]);
  });

  it("counts further tasks and variants in one row each", () => {
    const counters = new TaskCounters();
    for (let i = 0; i < 2_000; i++) {
      counters.unanswered(`task-${i}`, "full", null);
      counters.answered(answer(`v${i}`), anything);
    }
    const told = rows(counters, "queriesByTask");
    expect(told).toContain("_OTHER refused full 977");
    expect(told).toContain("digits _OTHER in_time 976");
    expect(told.length).toBeLessThan(4_200);
  });
});

describe("Histogram of durations", () => {
  it("counts what lies on a bound below it", () => {
    const counters = new TaskCounters();
    for (const totalMs of [0.5, 0.6, 40_000]) counters.answered(answer("a", { totalMs }), anything);
    const [point] = taskMetrics.queryDuration.points(counters.readings()[0]!);
    const { counts, count, sum } = point!.histogram;
    expect([counts[0], counts[1], counts.at(-1), count]).toEqual([1, 1, 1, 3]);
    expect(sum).toBeCloseTo(40.0011);
  });
});
