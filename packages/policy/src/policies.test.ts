import { policyNamed, policyNames } from "./policies";
import type { Query } from "./query";
import type { PlanBasis } from "./scaling/plan-due";
import { instance, pointsOf, slo, snapshotOf, variant } from "./testing/snapshots";

const variants = [
  variant({ name: "cheap", points: pointsOf(2), saturationPerSecond: 1000 }),
  variant({ name: "dear", points: pointsOf(3), saturationPerSecond: 100 }),
];
const query: Query = {
  target: { kind: "task", name: "digits/uci" },
  rows: 1,
  slo: slo({ latencyMs: 10 }),
};

describe.each(policyNames)("policyNamed(%s)", (name) => {
  const policy = policyNamed(name);

  it("has its name, and sends queries to instances of the snapshot itself", () => {
    const instances = [instance({ variant: "cheap" }), instance({ variant: "dear" })];
    const snapshot = snapshotOf({ variants, instances });
    expect(policy.name).toBe(name);
    const decision = policy.select(snapshot, query, 0);
    expect(decision.kind === "selected" && decision.instance).toBe(instances[0]);
    const explained = policy.explain(snapshot, query, 0).decision;
    expect(explained.kind === "selected" && explained.instance).toBe(instances[0]);
  });
});

describe("policyNamed", () => {
  it("differ in what they see of a queue", () => {
    const instances = [instance({ variant: "cheap", drainMs: 50 }), instance({ variant: "dear" })];
    const snapshot = snapshotOf({ variants, instances });
    const chosen = (name: (typeof policyNames)[number]) => {
      const decision = policyNamed(name).select(snapshot, query, 0);
      return decision.kind === "selected" ? decision.variant.name : decision.kind;
    };
    expect(chosen("infaas")).toBe("dear");
    expect(chosen("infaas-paper")).toBe("cheap");
  });

  it("plan anew: the paper's each second", () => {
    const round = { structure: 1, needs: new Map(), isOverdue: () => false };
    const basis = { plan: {}, atMs: 0, structure: 1 } as PlanBasis;
    const due = (nowMs: number, structure = 1) =>
      policyNamed("infaas-paper").planDue(basis, { ...round, nowMs, structure });
    expect(due(999)).toBeNull();
    expect(due(1_000)).toBe("a second has passed");
    expect(due(1, 2)).toBe("members, hosts or instances changed");
    expect(policyNamed("infaas-paper").planDue(null, { ...round, nowMs: 0 })).toBe("there is no plan yet");
  });
});
