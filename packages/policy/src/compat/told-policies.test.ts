import { buildCatalog } from "../catalog";
import { finished } from "../planning/finished";
import { policyNamed } from "../policies";
import type { Query } from "../query";
import { SCALING_DEFAULTS } from "../scaling/plan-scaling";
import { hostName, type ScaledHost } from "../scaling/scaling-facts";
import { freshMemory } from "../scaling/scaling-memory";
import { classDemand, hostPool, scaledHost, scalingFacts } from "../testing/scaling-facts";
import { instance, pointsOf, slo, snapshotOf, variant } from "../testing/snapshots";

const variants = [
  variant({ name: "best", points: pointsOf(10), saturationPerSecond: 100, accuracy: 0.95 }),
  variant({ name: "fast", points: pointsOf(1), saturationPerSecond: 1_000, accuracy: 0.9 }),
];
const catalog = buildCatalog({ variants });
const OPTIONS = { ...SCALING_DEFAULTS, holdMs: 60_000 };
const one = (held: readonly string[]) => [scaledHost(hostName(1), held)];

function planned(policy: ReturnType<typeof policyNamed>, hosts: readonly ScaledHost[], perSecond: number) {
  const demand = [classDemand(perSecond * 60, 60, { latencyMs: 50 })];
  const facts = scalingFacts({ catalog, pool: hostPool(8), hosts, demand });
  return finished(policy.planScaling(facts, freshMemory(OPTIONS, 0), OPTIONS));
}

describe("policyNamed", () => {
  it.each([
    ["infaas", ["period-s=30"], "infaas is not told 'period-s'; allowed: nothing"],
    ["proteus", ["period-s=0"], "period-s of proteus is 0; allowed: 1 to 3600"],
    ["proteus", ["period=30"], "proteus is not told 'period'; allowed: period-s"],
    [
      "static-mix",
      ["digits/uci"],
      "a policy is told 'digits/uci'; allowed: NAME=NUMBER, the number 0 or more",
    ],
    ["static-mix", ["digits/uci=-1"], "a policy is told 'digits/uci=-1'"],
  ] as const)("%s cannot be told %j", (name, told, fault) => {
    expect(() => policyNamed(name, told)).toThrow(fault);
  });
});

describe("static-mix", () => {
  const policy = policyNamed("static-mix", ["digits/uci=3000"]);

  it("buys what the peak needs that it is told, whatever is asked", () => {
    const [little, much] = [planned(policy, one(["fast"]), 1), planned(policy, one(["fast"]), 2_000)];
    expect(little.wantedHosts).toBeGreaterThan(3);
    expect(much.wantedHosts).toBe(little.wantedHosts);
    expect(planned(policyNamed("infaas"), one(["fast"]), 1).wantedHosts).toBe(1);
  });

  it("lets no host go", () => {
    const hosts = Array.from({ length: 8 }, (_, n) => scaledHost(hostName(n + 1), ["fast"]));
    expect(planned(policy, hosts, 1).changes).toEqual([]);
  });
});

describe("none", () => {
  it("keeps the hosts that are there at least, and loads nothing", () => {
    const { changes, placements, wantedHosts } = planned(policyNamed("none"), one([]), 5_000);
    expect([changes, placements, wantedHosts]).toEqual([[], [], 1]);
  });
});

describe("slackfit", () => {
  const policy = policyNamed("slackfit");

  it("has every variant resident on every host that there may be", () => {
    const { wantedHosts, placements } = planned(policy, one(["fast"]), 1);
    expect(wantedHosts).toBe(8);
    expect(placements.map((step) => step.variant)).toEqual(["best"]);
  });

  it("takes the most accurate variant that the slack allows, whatever the objective", () => {
    const query: Query = {
      target: { kind: "task", name: "digits/uci" },
      rows: 1,
      slo: slo({ latencyMs: 50, objective: "min-cost" }),
    };
    const chosen = (drainMs: number) => {
      const instances = [instance({ variant: "best", drainMs }), instance({ variant: "fast" })];
      const decision = policy.select(snapshotOf({ variants, instances }), query, 0);
      return decision.kind === "selected" ? decision.variant.name : decision.kind;
    };
    expect([chosen(0), chosen(100)]).toEqual(["best", "fast"]);
  });
});

describe("proteus", () => {
  const policy = policyNamed("proteus", ["period-s=7"]);

  it("serves what it can by the most accurate variant on all hosts, and steps down for more", () => {
    const hosts = Array.from({ length: 8 }, (_, n) => scaledHost(hostName(n + 1), ["best"]));
    const variantsAt = (perSecond: number) =>
      new Set(planned(policy, hosts, perSecond).hosts.flatMap((host) => host.variants));
    expect([...variantsAt(50)]).toEqual(["best"]);
    expect(variantsAt(3_000).has("fast")).toBe(true);
    expect(planned(policy, hosts, 50).changes).toEqual([]);
  });

  it("plans anew each period", () => {
    const plan = { ...planned(policy, one(["best"]), 1), isSettled: true };
    const due = (nowMs: number) =>
      policy.planDue(
        { plan, atMs: 0, structure: 1 },
        { nowMs, structure: 1, needs: new Map(), isOverdue: () => false },
      );
    expect([due(6_999), due(7_000)]).toEqual([null, "7 s have passed"]);
  });
});
