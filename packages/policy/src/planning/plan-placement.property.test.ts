import fc from "fast-check";
import { anyProblem } from "../testing/planning-problems";
import { finished } from "./finished";
import { indexed, Packing } from "./packing";
import { planningOf, planPlacement } from "./plan-placement";
import type { PlacementPlan, PlanningProblem } from "./problem";
import { fillTrivially } from "./trivial-plan";

const checked = (check: (problem: PlanningProblem, plan: PlacementPlan) => void) =>
  fc.assert(
    fc.property(anyProblem, (problem) => check(problem, planPlacement(problem))),
    { numRuns: 400 },
  );

/** The price of the trivial plan; null: there is none. */
function trivialUsd(problem: PlanningProblem): number | null {
  const packing = new Packing(indexed(problem));
  return finished(fillTrivially(packing, Number.POSITIVE_INFINITY)) ? packing.totalUsd : null;
}

describe("planPlacement", () => {
  it("answers the same to the same, in whatever order classes are listed and however it is sliced", () => {
    checked((problem, plan) => {
      expect(planPlacement({ ...problem, classes: [...problem.classes].reverse() })).toEqual(plan);
      const slices = [
        ...(function* () {
          yield* planningOf(problem);
        })(),
      ];
      expect(slices.length).toBeGreaterThanOrEqual(problem.classes.length);
    });
  });

  it("gives no host more than its time and memory", () => {
    checked((problem, plan) => {
      for (const host of problem.hosts) {
        const shares = plan.classes.flatMap((one) => one.shares.filter((share) => share.host === host.name));
        const busy = shares.reduce((sum, s) => sum + s.rowsPerSecond * s.column.hostSecondsPerRow, 0);
        expect(busy).toBeLessThanOrEqual(1 + 1e-6);
        const variants = new Map(shares.map(({ column }) => [column.variant, column.memoryBytes]));
        const bytes = [...variants.values()].reduce((sum, of) => sum + of, 0);
        expect(bytes).toBeLessThanOrEqual(host.memoryBytes);
      }
    });
  });

  it("spends no more than the bound, beside what is paid anyway", () => {
    checked(({ hosts, maxUsdPerHour }, plan) => {
      if (maxUsdPerHour === null) return;
      const used = new Set(plan.hosts.map((host) => host.name));
      const opened = hosts.filter((host) => used.has(host.name) && host.addedUsdPerHour > 0);
      const paid = hosts.filter((host) => host.addedUsdPerHour <= 0);
      const usd = [...opened, ...paid].reduce((sum, host) => sum + host.usdPerHour, 0);
      if (opened.length > 0) expect(usd).toBeLessThanOrEqual(maxUsdPerHour + 1e-6);
    });
  });

  it("serves what it says, no more than is asked", () => {
    checked((_, plan) => {
      for (const { of, shares, unservedPerSecond } of plan.classes) {
        const served = shares.reduce((sum, share) => sum + share.rowsPerSecond, 0);
        expect(served + unservedPerSecond).toBeCloseTo(of.rowsPerSecond, 4);
        expect(new Set(shares.map((share) => share.host)).size).toBe(shares.length);
      }
    });
  });

  it("costs no more than the trivial plan, and serves all where that does", () => {
    checked((problem, plan) => {
      const trivial = trivialUsd(problem);
      if (trivial === null) return;
      expect(plan.price.total).toBeLessThanOrEqual(trivial + 1e-6);
      expect(plan.classes.every((one) => one.unservedPerSecond === 0)).toBe(true);
    });
  });
});
