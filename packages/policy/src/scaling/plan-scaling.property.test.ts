import fc from "fast-check";
import { buildCatalog } from "../catalog";
import { classDemand, hostPool, scaledHost, scalingFacts } from "../testing/scaling-facts";
import { pointsOf, variant } from "../testing/snapshots";
import { adequateEntries, type ClassDemand } from "./capacity";
import { planScaling, SCALING_DEFAULTS } from "./plan-scaling";
import { rateInterval } from "./rate-interval";
import type { ScaledHost, ScalingFacts } from "./scaling-facts";
import { freshMemory } from "./scaling-memory";

const NAMES = ["v0", "v1", "v2"];
const catalog = buildCatalog({
  variants: NAMES.map((name, i) =>
    variant({
      name,
      task: i === 2 ? "other/task" : "digits/uci",
      accuracy: 0.9 + i / 100,
      saturationPerSecond: 100 / (i + 1),
      points: pointsOf(10 * (i + 1)),
      peakMemoryBytes: 1e6,
    }),
  ),
});

const demand = fc.record({
  target: fc.constantFrom(
    { kind: "task" as const, name: "digits/uci" },
    { kind: "task" as const, name: "other/task" },
    { kind: "variant" as const, name: "v1" },
    { kind: "task" as const, name: "unknown" },
  ),
  minAccuracy: fc.constantFrom(null, 0.905, 0.99),
  latencyMs: fc.constantFrom(null, 5, 25, 100),
  objective: fc.constantFrom("min-cost" as const, "max-accuracy" as const),
  rowsPerQuery: fc.constantFrom(1, 2.5, 16),
  perSecond: fc.constantFrom(0, 1, 40, 500),
});
const demands = fc.array(demand, { maxLength: 4 }).map((list) =>
  list.map(({ perSecond, ...one }): ClassDemand => {
    const arrivals = perSecond * 10;
    return { ...one, arrivals, rate: rateInterval(arrivals, 10) };
  }),
);
const variants = fc.uniqueArray(fc.constantFrom(...NAMES)).map((names) => new Set(names));
const hosts = fc.uniqueArray(
  fc.record({
    name: fc.integer({ min: 1, max: 6 }).map((i) => `executor-${i}`),
    state: fc.constantFrom("requested", "starting", "up", "up", "up", "draining") as fc.Arbitrary<
      ScaledHost["state"]
    >,
    withdrawn: fc.constantFrom(false, false, false, true),
    ready: variants,
    placed: variants,
    removable: variants,
  }),
  { selector: (h) => h.name, maxLength: 5 },
);
const anyFacts = fc.record({
  nowMs: fc.constantFrom(0, 5_000, 1e6),
  hosts,
  demand: demands,
  ending: fc.constantFrom(0, 0, 1),
  isWished: fc.boolean(),
  minHosts: fc.integer({ min: 0, max: 2 }),
  maxHosts: fc.integer({ min: 2, max: 5 }),
  demandKnown: fc.constantFrom(true, true, false),
  overdueMs: fc.constantFrom(0, 0, 100),
  startsRestUntilMs: fc.constantFrom(null, null, 6_000),
  memoryBytes: fc.constantFrom(32e9, 1e6),
});

const OPTIONS = { ...SCALING_DEFAULTS, holdMs: 1_000, holdMaxMs: 8_000 };

type Drawn = Omit<ScalingFacts, "catalog" | "pool"> & {
  readonly minHosts: number;
  readonly maxHosts: number;
  readonly memoryBytes: number;
};

function factsOf({ minHosts, maxHosts, memoryBytes, ...rest }: Drawn): ScalingFacts {
  return { ...rest, catalog, pool: { ...hostPool(maxHosts, { memoryBytes }), minHosts } };
}

const isActive = (h: ScaledHost) => h.state !== "draining" && !h.withdrawn;

describe("planScaling", () => {
  const checked = (check: (facts: ScalingFacts, plan: ReturnType<typeof planScaling>) => void) =>
    fc.assert(
      fc.property(anyFacts, (any) => {
        const facts = factsOf(any);
        check(facts, planScaling(facts, freshMemory(OPTIONS, 0), OPTIONS));
      }),
      { numRuns: 2_000 },
    );

  it("answers the same to the same", () => {
    const told = ({ explain, ...rest }: ReturnType<typeof planScaling>) => ({ ...rest, lines: explain() });
    checked((facts, plan) =>
      expect(told(planScaling(facts, freshMemory(OPTIONS, 0), OPTIONS))).toEqual(told(plan)),
    );
  });

  it("never goes above the most hosts, what drains included, nor asks for one twice", () => {
    checked((facts, plan) => {
      const starts = plan.changes.filter((c) => c.kind === "start").map((c) => c.host);
      const names = new Set([...facts.hosts.map((h) => h.name), ...starts]);
      expect(names.size).toBe(facts.hosts.length + starts.length);
      if (starts.length > 0) expect(names.size).toBeLessThanOrEqual(facts.pool.maxHosts);
    });
  });

  it("never starts a host that the most dollars an hour do not pay for, beside those that drain and end", () => {
    fc.assert(
      fc.property(anyFacts, fc.integer({ min: 0, max: 5 }), (any, paid) => {
        const facts = factsOf(any);
        const { pool, hosts: there, ending = 0 } = facts;
        const o = { ...OPTIONS, maxUsdPerHour: paid * pool.pricePerHourUsd };
        const { changes } = planScaling(facts, freshMemory(o, 0), o);
        const starts = changes.filter((c) => c.kind === "start").length;
        const usd = (there.length + ending + starts) * pool.pricePerHourUsd;
        if (starts > 0) expect(usd).toBeLessThanOrEqual(o.maxUsdPerHour * (1 + 1e-9));
      }),
      { numRuns: 1_000 },
    );
  });

  it("keeps a host as long as a load is waited for", () => {
    checked((facts, plan) => {
      if (facts.isWished !== true) return;
      const active = facts.hosts.filter(isActive).map((h) => h.name);
      const gone = plan.changes.filter((c) => c.kind !== "start" && active.includes(c.host)).length;
      const starts = plan.changes.filter((c) => c.kind === "start").length;
      if (active.length > 0) expect(active.length - gone).toBeGreaterThanOrEqual(1);
      else if (facts.hosts.length === 0 && facts.startsRestUntilMs === null)
        expect(starts).toBeGreaterThanOrEqual(1);
    });
  });

  it("never lets so many go that fewer than the least are left", () => {
    checked((facts, plan) => {
      const active = facts.hosts.filter(isActive).map((h) => h.name);
      const gone = plan.changes.filter((c) => c.kind !== "start" && active.includes(c.host)).length;
      if (gone > 0) expect(active.length - gone).toBeGreaterThanOrEqual(facts.pool.minHosts);
    });
  });

  it("never takes the last ready instance from a class with demand", () => {
    checked((facts, plan) => {
      const serving = facts.hosts.filter((h) => isActive(h) && h.state === "up");
      const leaving = new Set(plan.changes.filter((c) => c.kind !== "start").map((c) => c.host));
      for (const one of facts.demand.filter((d) => d.arrivals > 0)) {
        const names = adequateEntries(catalog, one).map((e) => e.variant.name);
        const able = serving.flatMap((host) =>
          names.filter((name) => host.ready.has(name)).map((variant) => ({ variant, executor: host.name })),
        );
        const isStaying = ({ variant, executor }: (typeof able)[number]) =>
          !leaving.has(executor) &&
          !plan.unloads.some((step) => step.variant === variant && step.executor === executor);
        if (able.length > 0) expect(able.some(isStaying)).toBe(true);
      }
    });
  });

  it("gives a reason with every change", () => {
    checked((_, plan) => {
      for (const { because } of plan.changes) expect(because.length).toBeGreaterThan(20);
      expect(plan.placements.length).toBe(new Set(plan.placements.map((p) => JSON.stringify(p))).size);
    });
  });

  it("comes to rest under constant demand, whatever it is and however it began", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 600 }), fc.integer({ min: 0, max: 5 }), (perSecond, count) => {
        let memory = freshMemory(OPTIONS, 0);
        let up = new Set(Array.from({ length: count }, (_, i) => `executor-${i + 1}`));
        const last: number[] = [];
        for (let second = 0; second < 40; second++) {
          const all = [...up].map((name) => scaledHost(name, NAMES));
          const facts = scalingFacts({
            nowMs: second * 1_000,
            catalog,
            pool: hostPool(5),
            hosts: all,
            demand: [classDemand(perSecond * 10, 10)],
          });
          const plan = planScaling(facts, memory, OPTIONS);
          memory = plan.memory;
          up = new Set(up);
          for (const { kind, host } of plan.changes) {
            if (kind === "start") up.add(host);
            else up.delete(host);
          }
          if (second >= 30) last.push(up.size);
        }
        expect(new Set(last).size).toBe(1);
        expect(last[0]).toBeGreaterThanOrEqual(1);
        expect(last[0]).toBeLessThanOrEqual(5);
      }),
    );
  });
});
