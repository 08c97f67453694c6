import type { Query } from "./query";
import { selectVariant } from "./selection";
import { executor, instance, pointsOf, slo, snapshotOf, variant } from "./testing/snapshots";
import type { Executor, Slo } from "./types";

const task = "digits/uci";
const asking = (over: Partial<Slo> = {}, rows = 1): Query => ({
  target: { kind: "task", name: task },
  rows,
  slo: slo(over),
});
const cheap = variant({ name: "cheap", accuracy: 0.9, points: pointsOf(2), saturationPerSecond: 1000 });
const fine = variant({ name: "fine", accuracy: 0.98, points: pointsOf(20), saturationPerSecond: 50 });
const variants = [cheap, fine];
const both = [instance({ variant: "cheap" }), instance({ variant: "fine" })];

describe("selectVariant", () => {
  describe("when everything asked for is loaded and idle", () => {
    it.each([
      ["the cheapest without any requirement", {}, "cheap"],
      ["the cheapest at or above the floor", { minAccuracy: 0.95 }, "fine"],
      ["the most accurate when that is the objective", { objective: "max-accuracy" }, "fine"],
      ["the most accurate in time", { objective: "max-accuracy", latencyMs: 10 }, "cheap"],
    ] as const)("takes %s", (_, over, name) => {
      const decision = selectVariant(snapshotOf({ variants, instances: both }), asking(over), 0);
      expect(decision).toMatchObject({ kind: "selected", variant: { name }, downgraded: false });
    });

    it("takes more rows than the largest batch, as one batch after another", () => {
      const decision = selectVariant(snapshotOf({ variants, instances: both }), asking({}, 1_000), 0);
      expect(decision).toMatchObject({ kind: "selected", variant: { name: "cheap" } });
      const twice = selectVariant(snapshotOf({ variants, instances: both }), asking({}, 2_000), 0);
      const [one, two] = [decision, twice].map((d) => (d.kind === "selected" ? d.predictedMs : 0));
      expect(two! / one!).toBeCloseTo(2, 1);
      const late = asking({ latencyMs: one! / 2 }, 1_000);
      expect(selectVariant(snapshotOf({ variants, instances: both }), late, 0)).toMatchObject({
        kind: "infeasible",
        reason: "latency-above-slo",
      });
    });

    it("takes the soonest when that is the objective, also where it is dearer or waits", () => {
      const quick = variant({ name: "quick", accuracy: 0.95, points: pointsOf(1), saturationPerSecond: 10 });
      const soonest = (drainMs: number) => {
        const instances = [...both, instance({ variant: "quick", drainMs })];
        const query = asking({ objective: "min-latency", latencyMs: 1_000 });
        return selectVariant(snapshotOf({ variants: [...variants, quick], instances }), query, 0);
      };
      expect(soonest(0)).toMatchObject({ kind: "selected", variant: { name: "quick" }, downgraded: false });
      expect(soonest(5)).toMatchObject({ kind: "selected", variant: { name: "cheap" }, downgraded: false });
    });

    it("takes the one that was named, whatever it costs", () => {
      const query = { ...asking(), target: { kind: "variant", name: "fine" } as const };
      expect(selectVariant(snapshotOf({ variants, instances: both }), query, 0)).toMatchObject({
        variant: { name: "fine" },
        predictedMs: 20.5,
      });
    });

    it("leaves out what is above the price asked for", () => {
      const query = asking({ objective: "max-accuracy", maxCostUsd: 1e-4 });
      expect(selectVariant(snapshotOf({ variants, instances: both }), query, 0)).toMatchObject({
        variant: { name: "cheap" },
      });
    });

    it("answers unknown for a target the catalog does not have", () => {
      const query = { ...asking(), target: { kind: "task", name: "chess" } as const };
      expect(selectVariant(snapshotOf({ variants }), query, 0)).toEqual({ kind: "unknown", name: "chess" });
    });
  });

  describe("when a variant is loaded on several executors", () => {
    const executors = [
      executor({ name: "a", utilisation: 0.1 }),
      executor({ name: "b", utilisation: 0.6 }),
      executor({ name: "c", utilisation: 0 }),
    ];
    const on = (drains: readonly number[]) =>
      ["a", "b", "c"].map((name, i) =>
        instance({ variant: "cheap", executor: name, drainMs: drains[i] ?? 0 }),
      );

    it.each([undefined, 10])(
      "takes the earliest completion, then the least loaded, objective: %s",
      (latencyMs) => {
        const query = asking(latencyMs === undefined ? {} : { latencyMs });
        const late = snapshotOf({ variants, executors, instances: on([1, 0.5, 2]) });
        expect(selectVariant(late, query, 0)).toMatchObject({ executor: { name: "b" } });
        const even = snapshotOf({ variants, executors, instances: on([0, 0, 0]) });
        expect(selectVariant(even, query, 0)).toMatchObject({ executor: { name: "c" } });
      },
    );

    it("leaves out an executor that drains", () => {
      const draining = executors.map((e) => (e.name === "c" ? { ...e, accepting: false } : e));
      const snapshot = snapshotOf({ variants, executors: draining, instances: on([0, 0, 0]) });
      expect(selectVariant(snapshot, asking(), 0)).toMatchObject({ executor: { name: "a" } });
    });

    it("counts down a drain that was reported earlier", () => {
      const instances = [instance({ variant: "cheap", drainMs: 100, reportedAtMs: 1000 })];
      const snapshot = snapshotOf({ variants, instances });
      expect(selectVariant(snapshot, asking({ latencyMs: 10 }), 1000)).toMatchObject({ kind: "saturated" });
      expect(selectVariant(snapshot, asking({ latencyMs: 10 }), 1095)).toMatchObject({ kind: "selected" });
    });
  });

  describe("when load stands in the way", () => {
    const busy = [instance({ variant: "fine", drainMs: 500 }), instance({ variant: "cheap" })];
    const query = asking({ objective: "max-accuracy", latencyMs: 50 });

    it("says that it serves less than it would idle", () => {
      expect(selectVariant(snapshotOf({ variants, instances: busy }), query, 0)).toMatchObject({
        kind: "selected",
        variant: { name: "cheap" },
        downgraded: true,
      });
    });

    it("refuses rather than downgrade when told so, with the time after which to retry", () => {
      const strict = { ...query, slo: { ...query.slo, noDowngrade: true } };
      expect(selectVariant(snapshotOf({ variants, instances: busy }), strict, 0)).toEqual({
        kind: "saturated",
        reason: "busy",
        retryAfterMs: 470.5,
        startLoad: null,
      });
    });

    it("takes the overloaded instance free soonest that is still in time", () => {
      const instances = [
        instance({ variant: "cheap", state: "overloaded", drainMs: 9 }),
        instance({ variant: "fine", state: "interfered", drainMs: 1 }),
      ];
      const decision = selectVariant(snapshotOf({ variants, instances }), asking({ latencyMs: 30 }), 0);
      expect(decision).toMatchObject({ kind: "selected", variant: { name: "cheap" } });
    });

    it("counts a hop that takes long at this moment as load, not as what can never be", () => {
      const far = [instance({ variant: "cheap", hopMs: 900, hopLeastMs: 0.5 })];
      const decision = selectVariant(snapshotOf({ variants, instances: far }), asking({ latencyMs: 30 }), 0);
      expect(decision).toMatchObject({ kind: "saturated", reason: "busy" });
    });

    it("takes an overloaded instance as soon as an active one of the same variant has the longer queue", () => {
      const soonest = (overloadedMs: number) => {
        const executors = [executor({ name: "a" }), executor({ name: "b" })];
        const instances = [
          instance({ variant: "cheap", executor: "a", drainMs: 10 }),
          instance({ variant: "cheap", executor: "b", state: "overloaded", drainMs: overloadedMs }),
        ];
        const snapshot = snapshotOf({ variants, instances, executors });
        const decision = selectVariant(snapshot, asking({ latencyMs: 30 }), 0);
        return decision.kind === "selected" ? decision.executor.name : decision.kind;
      };
      expect([soonest(9), soonest(11)]).toEqual(["b", "a"]);
    });

    it("prefers a dearer active instance to a cheaper overloaded one", () => {
      const instances = [instance({ variant: "cheap", state: "overloaded" }), instance({ variant: "fine" })];
      const decision = selectVariant(snapshotOf({ variants, instances }), asking({ latencyMs: 30 }), 0);
      expect(decision).toMatchObject({ variant: { name: "fine" }, downgraded: false });
    });
  });

  describe("when nothing adequate is loaded", () => {
    it("loads the variant that answers soonest, on the least utilised executor with room", () => {
      const executors = [
        executor({ name: "a", utilisation: 0.5 }),
        executor({ name: "b", utilisation: 0.2 }),
        executor({ name: "full", utilisation: 0, memoryFreeBytes: 10 }),
      ];
      expect(
        selectVariant(snapshotOf({ variants, executors }), asking({ latencyMs: 5000 }), 0),
      ).toMatchObject({
        kind: "cold",
        variant: { name: "cheap" },
        executor: { name: "b" },
        expectedWaitMs: 1000,
        predictedMs: 1002,
      });
    });

    it("takes an executor whose figures are too old as full", () => {
      const executors = [
        executor({ name: "silent", isUnheard: true }),
        executor({ name: "heard", utilisation: 0.9 }),
      ];
      const decision = (of: readonly Executor[]) =>
        selectVariant(snapshotOf({ variants, executors: of }), asking({}), 0);
      expect(decision(executors)).toMatchObject({ kind: "cold", executor: { name: "heard" } });
      expect(decision(executors.slice(0, 1))).toMatchObject({ kind: "saturated", reason: "no-room" });
    });

    it("waits for a load within the bound when no latency is asked for", () => {
      expect(selectVariant(snapshotOf({ variants }), asking(), 0)).toMatchObject({ kind: "cold" });
      const heavy = variant({ name: "heavy", loadMs: 40_000 });
      expect(selectVariant(snapshotOf({ variants: [heavy] }), asking(), 0)).toMatchObject({
        kind: "saturated",
      });
    });

    it("starts the load and says when to retry if it takes longer than the objective", () => {
      expect(selectVariant(snapshotOf({ variants }), asking({ latencyMs: 100 }), 0)).toMatchObject({
        kind: "saturated",
        reason: "loading",
        retryAfterMs: 1000,
        startLoad: { variant: { name: "cheap" }, executor: { name: "host" } },
      });
    });

    it("uses memory that idle instances would give up", () => {
      const executors = [executor({ memoryFreeBytes: 10, memoryEvictableBytes: 1e9 })];
      expect(selectVariant(snapshotOf({ variants, executors }), asking(), 0)).toMatchObject({ kind: "cold" });
      const full = [executor({ memoryFreeBytes: 10 })];
      expect(selectVariant(snapshotOf({ variants, executors: full }), asking(), 0)).toMatchObject({
        kind: "saturated",
        reason: "no-room",
      });
    });

    it("asks to come back when no executor takes work", () => {
      const executors = [executor({ accepting: false })];
      expect(selectVariant(snapshotOf({ variants, executors }), asking(), 0)).toMatchObject({
        kind: "saturated",
        reason: "no-executor",
      });
    });
  });

  describe("when an instance had no time for it", () => {
    const [quick, exact] = [both[0]!, both[1]!];
    const among = (over: Partial<Slo>, late = exact, instances = both) =>
      selectVariant(snapshotOf({ variants, instances }), { ...asking(over), late }, 0);
    const best = { objective: "max-accuracy", latencyMs: 100 } as const;

    it("takes the next that does, and says that it is less", () => {
      expect(among(best)).toMatchObject({ variant: { name: "cheap" }, downgraded: true });
      expect(among({ latencyMs: 100 }, quick)).toMatchObject({
        variant: { name: "fine" },
        downgraded: false,
      });
    });

    it("takes none below the floor, nor less than the best where that was forbidden", () => {
      expect(among({ ...best, minAccuracy: 0.95 })).toMatchObject({ kind: "saturated", reason: "busy" });
      expect(among({ ...best, noDowngrade: true })).toMatchObject({ kind: "saturated", reason: "busy" });
    });

    it("takes another instance of the same before a lesser one", () => {
      const twin = instance({ variant: "fine", drainMs: 10 });
      expect(among(best, exact, [...both, twin])).toMatchObject({ instance: twin, downgraded: false });
    });
  });

  describe("when nothing was measured of a variant", () => {
    const unprofiledReason = "no input was found that it takes";
    const guessed = {
      ...variant({ name: "guessed", accuracy: null, points: pointsOf(0.1) }),
      unprofiledReason,
    };
    const loaded = [...both, instance({ variant: "guessed" })];
    const snapshot = snapshotOf({ variants: [...variants, guessed], instances: loaded });

    it("takes another one, also where the stated default is cheaper, sooner or already loaded", () => {
      for (const objective of ["min-cost", "max-accuracy", "min-latency"] as const) {
        const decision = selectVariant(snapshot, asking({ objective }), 0);
        expect(decision).toMatchObject({ kind: "selected", variant: { accuracy: expect.anything() } });
      }
      const unloaded = snapshotOf({ variants: [...variants, guessed], instances: loaded.slice(2) });
      expect(selectVariant(unloaded, asking(), 0)).toMatchObject({ kind: "cold" });
    });

    it("takes it where none of the others could ever do, and where it is named", () => {
      const soon = asking({ latencyMs: 1 });
      expect(selectVariant(snapshot, soon, 0)).toMatchObject({ variant: { name: "guessed" } });
      const named = { ...asking(), target: { kind: "variant", name: "guessed" } } as const;
      expect(selectVariant(snapshot, named, 0)).toMatchObject({ variant: { name: "guessed" } });
    });

    it("takes it where it is the only one, and refuses by the others where it does not fit either", () => {
      const alone = snapshotOf({ variants: [guessed], instances: loaded.slice(2) });
      expect(selectVariant(alone, asking(), 0)).toMatchObject({ variant: { name: "guessed" } });
      const refused = selectVariant(snapshot, asking({ minAccuracy: 0.999 }), 0);
      expect(refused).toMatchObject({ kind: "infeasible", reason: "accuracy-below-floor", value: 0.98 });
    });
  });

  describe("when nothing can ever satisfy it", () => {
    it.each([
      [{ minAccuracy: 0.99 }, "accuracy-below-floor", 0.98],
      [{ latencyMs: 1 }, "latency-above-slo", 2.5],
      [{ minAccuracy: 0.95, latencyMs: 10 }, "latency-above-slo", 20.5],
    ] as const)("names the requirement that fails for %o", (over, reason, value) => {
      const decision = selectVariant(snapshotOf({ variants, instances: both }), asking(over), 0);
      expect(decision).toMatchObject({ kind: "infeasible", reason, value });
    });

    it("names the most rows of one query when it has more", () => {
      expect(selectVariant(snapshotOf({ variants }), asking({}, 1_048_577), 0)).toMatchObject({
        kind: "infeasible",
        reason: "batch-too-large",
        value: 1_048_576,
        limit: 1_048_577,
        offers: [],
      });
    });

    it("offers each requirement that could give, with its price", () => {
      const query = asking({ minAccuracy: 0.95, latencyMs: 10 });
      const decision = selectVariant(snapshotOf({ variants, instances: both }), query, 0);
      expect(decision).toMatchObject({
        offers: [
          { relax: ["latency"], variant: "fine", latencyMs: 20.5, accuracy: 0.98 },
          { relax: ["accuracy"], variant: "cheap", latencyMs: 2.5, accuracy: 0.9 },
        ],
      });
    });
  });
});
