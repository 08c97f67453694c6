import { buildCatalog } from "../catalog";
import { classDemand, scaledHost, scalingFacts } from "../testing/scaling-facts";
import { pointsOf, variant } from "../testing/snapshots";
import { classKey } from "./capacity";
import { planDue, type RoundFacts } from "./plan-due";
import { planScaling, SCALING_DEFAULTS } from "./plan-scaling";
import { plannedRows } from "./planned-rate";
import { freshMemory } from "./scaling-memory";

const OPTIONS = { ...SCALING_DEFAULTS, holdMs: 60_000 };
const demand = classDemand(3_000, 60);
const facts = scalingFacts({
  catalog: buildCatalog({
    variants: [variant({ name: "v", saturationPerSecond: 100, points: pointsOf(10) })],
  }),
  hosts: [scaledHost("executor-1", ["v"])],
  demand: [demand],
});
const basis = { plan: planScaling(facts, freshMemory(OPTIONS, 0), OPTIONS), atMs: 0, structure: 7 };
const round = (over: Partial<RoundFacts> = {}): RoundFacts => ({
  nowMs: 1_000,
  structure: 7,
  needs: new Map([[classKey(demand), plannedRows(demand)]]),
  isOverdue: () => false,
  ...over,
});

describe("planDue", () => {
  it("is not while nothing has changed, for ten seconds", () => {
    expect(planDue(basis, round())).toBeNull();
    expect(planDue(basis, round({ nowMs: 9_999 }))).toBeNull();
    expect(planDue(basis, round({ nowMs: 10_000 }))).toBe("the plan is old");
  });

  it.each<[string, Partial<RoundFacts>, RegExp]>([
    ["members or instances changed", { structure: 8 }, /changed/],
    [
      "a class needs more than is planned",
      { needs: new Map([[classKey(demand), 60]]) },
      /60 rows\/s are asked/,
    ],
    ["a class is new", { needs: new Map([["other", 1]]) }, /1 rows\/s are asked, 0 are planned/],
    ["queries wait too long", { isOverdue: () => true }, /wait longer/],
  ])("is when %s", (_, over, why) => {
    expect(planDue(basis, round(over))).toMatch(why);
  });

  it("is without a plan, and every second while steps of it wait", () => {
    expect(planDue(null, round())).toMatch(/no plan/);
    const idle = { ...facts, hosts: [...facts.hosts, scaledHost("executor-2", ["v"])] };
    const waiting = { ...basis, plan: planScaling(idle, freshMemory(OPTIONS, 0), OPTIONS) };
    expect(planDue(waiting, round({ nowMs: 999 }))).toBeNull();
    expect(planDue(waiting, round())).toMatch(/steps/);
  });
});
