import { buildCatalog } from "../catalog";
import { policyNamed } from "../policies";
import { SCALING_DEFAULTS } from "../scaling/plan-scaling";
import { hostName } from "../scaling/scaling-facts";
import { freshMemory } from "../scaling/scaling-memory";
import { classDemand, hostPool, scaledHost, scalingFacts } from "../testing/scaling-facts";
import { instance, pointsOf, slo, snapshotOf, variant } from "../testing/snapshots";

const variants = [
  variant({ name: "best", points: pointsOf(10), saturationPerSecond: 100, accuracy: 0.95 }),
  variant({ name: "fast", points: pointsOf(1), saturationPerSecond: 1_000, accuracy: 0.9 }),
];
const query = { target: { kind: "task", name: "digits/uci" }, rows: 1, slo: slo({ latencyMs: 50 }) } as const;
const OPTIONS = { ...SCALING_DEFAULTS, holdMs: 60_000 };

describe.each([
  ["static-best", "best"],
  ["static-fast", "fast"],
] as const)("%s", (name, fixed) => {
  const policy = policyNamed(name);

  it("asks one variant alone: where that one is too busy, the query is refused beside an idle one", () => {
    const at = (drainMs: number) => {
      const instances = variants.map((one) =>
        instance({ variant: one.name, drainMs: one.name === fixed ? drainMs : 0 }),
      );
      const decision = policy.select(snapshotOf({ variants, instances }), query, 0);
      return decision.kind === "selected" ? decision.variant.name : decision.kind;
    };
    expect([at(0), at(100)]).toEqual([fixed, "saturated"]);
  });

  it("keeps every host that there may be, with that variant on each", () => {
    const hosts = [scaledHost(hostName(1), [fixed]), scaledHost(hostName(2), [])];
    const demand = [classDemand(10, 10)];
    const facts = scalingFacts({ catalog: buildCatalog({ variants }), pool: hostPool(4), hosts, demand });
    const planning = policy.planScaling(facts, freshMemory(OPTIONS, 0), OPTIONS);
    let step = planning.next();
    while (step.done !== true) step = planning.next();
    const { changes, placements, unloads } = step.value;
    expect(changes.map(({ kind, host }) => `${kind} ${host}`)).toEqual([
      "start executor-3",
      "start executor-4",
    ]);
    expect(placements.map((one) => `${one.variant} on ${one.executor}`)).toEqual([`${fixed} on executor-2`]);
    expect(unloads).toEqual([]);
  });
});
