import fc from "fast-check";
import { predictRowsMs } from "./catalog";
import { costPerQueryUsd, costPerThousandUsd } from "./cost";
import type { Decision } from "./decision";
import { explainDecision } from "./explanation";
import type { Query } from "./query";
import { selectVariant } from "./selection";
import type { Snapshot } from "./snapshot";
import { executor, instance, pointsOf, snapshotOf, variant } from "./testing/snapshots";
import type { Executor, Instance, Variant } from "./types";

const TASK = "digits/uci";
const HOSTS = ["a", "b", "c"];

const variants = fc
  .array(
    fc.record({
      oneRowMs: fc.double({ min: 0.1, max: 50, noNaN: true }),
      accuracy: fc.option(fc.integer({ min: 50, max: 99 }).map((p) => p / 100)),
      saturationPerSecond: fc.integer({ min: 1, max: 2000 }),
      threads: fc.constantFrom(1, 2, 8),
      maxBatch: fc.constantFrom(1, 8, 64),
      loadMs: fc.integer({ min: 1, max: 60_000 }),
      peakMemoryBytes: fc.constantFrom(1e6, 1e9, 20e9, 40e9),
      deviceKind: fc.constantFrom("cpu", "cpu", "cpu", "cuda"),
      architecture: fc.constantFrom("x", "y"),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((list) =>
    list.map((v, i) =>
      variant({ ...v, name: `v${i}`, points: pointsOf(v.oneRowMs).filter((p) => p.batch <= v.maxBatch) }),
    ),
  );

const executors = fc
  .array(
    fc.record({
      cores: fc.constantFrom(4, 8),
      utilisation: fc.constantFrom(0, 0.3, 0.9),
      memoryFreeBytes: fc.constantFrom(1e5, 2e9, 30e9),
      pricePerHourUsd: fc.constantFrom(0.2, 0.384),
      accepting: fc.boolean(),
    }),
    { maxLength: HOSTS.length },
  )
  .map((list) => list.map((e, i) => executor({ ...e, name: HOSTS[i] ?? "a" })));

const instances = fc.array(
  fc.record({
    variant: fc.integer({ min: 0, max: 7 }).map((i) => `v${i}`),
    executor: fc.constantFrom(...HOSTS),
    state: fc.constantFrom<Instance["state"]>("active", "active", "active", "overloaded", "interfered"),
    drainMs: fc.constantFrom(0, 0, 1, 20, 400, 50_000),
    hopMs: fc.constantFrom(0.1, 0.5, 2),
  }),
  { maxLength: 16 },
);

const queries = fc.record({
  target: fc.constantFrom(
    { kind: "task", name: TASK } as const,
    { kind: "architecture", name: "x" } as const,
    { kind: "variant", name: "v0" } as const,
  ),
  rows: fc.constantFrom(1, 1, 3, 8, 65),
  slo: fc.record({
    latencyMs: fc.option(fc.double({ min: 0.1, max: 100_000, noNaN: true })),
    minAccuracy: fc.option(fc.integer({ min: 40, max: 100 }).map((p) => p / 100)),
    maxCostUsd: fc.option(fc.double({ min: 1e-6, max: 1, noNaN: true })),
    objective: fc.constantFrom("min-cost", "max-accuracy"),
    noDowngrade: fc.boolean(),
    deterministic: fc.constant(false),
  }),
});

const worlds = fc
  .record({ variants, executors, instances, query: queries })
  .map((w) => ({ ...w, instances: oneEach(w.instances, w.variants, w.executors) }));

type World = {
  variants: readonly Variant[];
  executors: readonly Executor[];
  instances: readonly Instance[];
  query: Query;
};

const runs = { numRuns: 500, seed: 20_261_124 };
const decide = (w: World) => selectVariant(snapshotOf(w), w.query, 0);

describe("selectVariant, whatever the cluster and the query", () => {
  it("gives equal answers to equal input, in any order of the records", () => {
    fc.assert(
      fc.property(worlds, (w) => {
        const reversed = {
          ...w,
          variants: [...w.variants].reverse(),
          executors: [...w.executors].reverse(),
          instances: [...w.instances].reverse(),
        };
        expect(decide(reversed)).toEqual(decide(w));
      }),
      runs,
    );
  });

  it("never places a query where a stated requirement is not met", () => {
    fc.assert(
      fc.property(worlds, (w) => {
        const decision = decide(w);
        if (decision.kind !== "selected" && decision.kind !== "cold") return;
        const { slo, rows } = w.query;
        const { variant: chosen, executor: host } = decision;
        expect(host.accepting).toBe(true);
        expect(decision.predictedMs).toBeLessThanOrEqual(slo.latencyMs ?? Number.POSITIVE_INFINITY);
        expect(chosen.accuracy?.value ?? -1).toBeGreaterThanOrEqual(slo.minAccuracy ?? -1);
        const costUsd = costPerThousandUsd(costPerQueryUsd(chosen, host), rows);
        expect(costUsd).toBeLessThanOrEqual(slo.maxCostUsd ?? Number.POSITIVE_INFINITY);
      }),
      runs,
    );
  });

  it("agrees with a full scan on the best active instance in time", () => {
    fc.assert(
      fc.property(worlds, (w) => {
        const query = { ...w.query, slo: { ...w.query.slo, noDowngrade: false } };
        const decision = decide({ ...w, query });
        const candidates = scan({ ...w, query }, (i) => i.state === "active" && isInTime(w, i, query));
        if (candidates.length === 0) {
          if (decision.kind === "selected") expect(decision.instance.state).not.toBe("active");
          return;
        }
        expect(decision).toMatchObject({ kind: "selected", instance: { state: "active" } });
        const keys = candidates.map((i) => keyOf(w, i, query));
        expect(keyOf(w, (decision as { instance: Instance }).instance, query)).toBe(Math.min(...keys));
      }),
      runs,
    );
  });

  it("calls it infeasible exactly when no load and no drain stand in the way and still nothing would do", () => {
    fc.assert(
      fc.property(worlds, (w) => {
        const decision = decide(w);
        if (decision.kind === "unknown" || !w.executors.some((e) => e.accepting)) return;
        expect(decision.kind === "infeasible").toBe(!couldEver(w));
      }),
      runs,
    );
  });

  it("makes offers that hold: asking for their numbers is never infeasible, and is selected where loaded and idle", () => {
    fc.assert(
      fc.property(worlds, (w) => {
        const decision = decide(w);
        if (decision.kind !== "infeasible") return;
        for (const offer of decision.offers) {
          const query = { ...w.query, slo: { ...w.query.slo, ...sloOf(offer) } };
          expect(decide({ ...w, query }).kind).not.toBe("infeasible");
          const idle = { ...w, query, instances: everywhere(w) };
          expect(decide(idle).kind).toBe("selected");
        }
      }),
      runs,
    );
  });

  it("never serves less than idle when downgrading is forbidden, and says so when it does", () => {
    fc.assert(
      fc.property(worlds, (w) => {
        const strict = { ...w.query, slo: { ...w.query.slo, noDowngrade: true } };
        const decision = decide({ ...w, query: strict });
        if (decision.kind === "selected") expect(decision.downgraded).toBe(false);
        const lax = decide({ ...w, query: { ...w.query, slo: { ...w.query.slo, noDowngrade: false } } });
        if (lax.kind === "selected" && !lax.downgraded) expect(decision).toEqual(lax);
        if (lax.kind === "infeasible") expect(decision.kind).toBe("infeasible");
      }),
      runs,
    );
  });

  it("is explained by the same decision, with the winner marked and nobody else", () => {
    fc.assert(
      fc.property(worlds, (w) => {
        const explanation = explainDecision(snapshotOf(w), w.query, 0);
        expect(explanation.decision).toEqual(decide(w));
        const winners = explanation.candidates.filter((c) => c.verdict === "selected");
        expect(winners.length).toBe(isPlaced(explanation.decision) ? 1 : 0);
        expect(explanation.summary.length).toBeGreaterThan(0);
      }),
      runs,
    );
  });
});

function isPlaced(decision: Decision): boolean {
  return decision.kind === "selected" || decision.kind === "cold";
}

function sloOf(offer: { latencyMs: number; accuracy: number | null; costUsd: number }) {
  return { latencyMs: offer.latencyMs, minAccuracy: offer.accuracy, maxCostUsd: offer.costUsd };
}

/** At most one instance per variant and executor, and only of what exists. */
function oneEach(
  list: readonly Instance[],
  all: readonly Variant[],
  hosts: readonly Executor[],
): readonly Instance[] {
  const byKey = new Map(list.map((i) => [`${i.variant}@${i.executor}`, i]));
  return [...byKey.values()].filter(
    (i) => all.some((v) => v.name === i.variant) && hosts.some((e) => e.name === i.executor),
  );
}

/** Every variant idle and active on every host it fits, as near as the nearest known. */
function everywhere(w: World): readonly Instance[] {
  const snapshot: Snapshot = snapshotOf(w);
  return w.variants.flatMap((v) =>
    w.executors.map((e) => {
      const known = w.instances.find((i) => i.variant === v.name && i.executor === e.name);
      return instance({
        variant: v.name,
        executor: e.name,
        hopMs: known?.hopMs ?? snapshot.hops.get(e.name) ?? 0,
      });
    }),
  );
}

function candidatesOf(w: World, query: Query): readonly Variant[] {
  const { target, slo } = query;
  return w.variants.filter(
    (v) =>
      (target.kind === "variant" ? v.name : v[target.kind]) === target.name &&
      (slo.minAccuracy === null || (v.accuracy?.value ?? -1) >= slo.minAccuracy),
  );
}

function scan(w: World, keep: (i: Instance) => boolean): readonly Instance[] {
  const names = new Set(candidatesOf(w, w.query).map((v) => v.name));
  return w.instances.filter((i) => names.has(i.variant) && keep(i));
}

function isInTime(w: World, i: Instance, query: Query): boolean {
  const { v, e } = partsOf(w, i);
  const idleMs = predictRowsMs(v, query.rows) + i.hopMs;
  const { latencyMs, maxCostUsd } = query.slo;
  return (
    e.accepting &&
    (latencyMs === null ? i.drainMs <= 30_000 : i.drainMs + idleMs <= latencyMs) &&
    (maxCostUsd === null || costPerThousandUsd(costPerQueryUsd(v, e), query.rows) <= maxCostUsd)
  );
}

function keyOf(w: World, i: Instance, query: Query): number {
  const { v, e } = partsOf(w, i);
  return query.slo.objective === "min-cost" ? costPerQueryUsd(v, e) : -(v.accuracy?.value ?? -1);
}

function partsOf(w: World, i: Instance): { v: Variant; e: Executor } {
  const v = w.variants.find((x) => x.name === i.variant);
  const e = w.executors.find((x) => x.name === i.executor);
  if (!v || !e) throw new Error("an instance of nothing: the generator is wrong");
  return { v, e };
}

/** Some loaded instance would do if idle, or some host could hold one that would. */
function couldEver(w: World): boolean {
  const idle = { ...w, instances: w.instances.map((i) => ({ ...i, drainMs: 0 })) };
  if (scan(idle, (i) => isInTime(idle, { ...i, drainMs: 0 }, w.query)).length > 0) return true;
  const hops = snapshotOf(w).hops;
  return candidatesOf(w, w.query).some((v) =>
    w.executors.some(
      (e) =>
        v.deviceKind === "cpu" &&
        v.threads <= e.cores &&
        v.profile.peakMemoryBytes <= e.memoryBytes &&
        isInTime(w, instance({ variant: v.name, executor: e.name, hopMs: hops.get(e.name) ?? 0 }), w.query),
    ),
  );
}
