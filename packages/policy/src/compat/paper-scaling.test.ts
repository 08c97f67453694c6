import { buildCatalog } from "../catalog";
import { SCALING_DEFAULTS } from "../scaling/plan-scaling";
import { hostName, type ScaledHost, type ScalingFacts } from "../scaling/scaling-facts";
import { freshMemory, type ScalingMemory } from "../scaling/scaling-memory";
import { classDemand, hostPool, scaledHost, scalingFacts } from "../testing/scaling-facts";
import { pointsOf, variant } from "../testing/snapshots";
import { planPaperScaling } from "./paper-scaling";

const OPTIONS = { ...SCALING_DEFAULTS, holdMs: 60_000 };
const fresh = freshMemory(OPTIONS, 0);
/** 100 rows a second with a megabyte, 1,000 with five: for much the second is cheaper by memory. */
const slow = variant({ name: "slow", saturationPerSecond: 100, points: pointsOf(10), peakMemoryBytes: 1e6 });
const fast = variant({ name: "fast", saturationPerSecond: 1_000, points: pointsOf(1), peakMemoryBytes: 5e6 });

function host(number: number, variants: readonly string[], over: Partial<ScaledHost> = {}): ScaledHost {
  return scaledHost(hostName(number), variants, { removable: new Set(variants), ...over });
}

function facts(
  hosts: readonly ScaledHost[],
  perSecond: number,
  over: Partial<ScalingFacts> = {},
  variants = [slow],
): ScalingFacts {
  const demand = [classDemand(perSecond * 10, 10)];
  return scalingFacts({ catalog: buildCatalog({ variants }), pool: hostPool(4), hosts, demand, ...over });
}

const planned = (f: ScalingFacts, memory: ScalingMemory = fresh) => planPaperScaling(f, memory, OPTIONS);
const loads = (f: ScalingFacts) => planned(f).placements.map((p) => `${p.variant} on ${p.executor}`);

describe("planPaperScaling", () => {
  describe("when capacity is less than 1.05 times the load", () => {
    it("replicates on a host without the variant, and says so", () => {
      const plan = planned(facts([host(1, ["slow"]), host(2, [])], 96));
      expect(plan.placements).toEqual([
        {
          variant: "slow",
          executor: "executor-2",
          because: "capacity is less than 1.05 times the load of 'digits/uci'",
        },
      ]);
      expect(plan.explain()).toMatchObject([{ kind: "replicate", from: ["slow"], to: ["slow"] }]);
    });

    it("leaves alone what has just enough: 654 rows a second are too few from 623 on", () => {
      const tensorrt = variant({ name: "slow", saturationPerSecond: 654 });
      const hosts = [host(1, ["slow"]), host(2, [])];
      expect(loads(facts(hosts, 622, {}, [tensorrt]))).toEqual([]);
      expect(loads(facts(hosts, 624, {}, [tensorrt]))).toEqual(["slow on executor-2"]);
    });

    it("upgrades where another variant needs less memory for what is lacking", () => {
      const hosts = [1, 2, 3, 4].map((number) => host(number, number === 1 ? ["slow"] : []));
      const some = planned(facts(hosts, 180, {}, [slow, fast]));
      expect(some.placements.map((p) => p.variant)).toEqual(["slow"]);
      const much = planned(facts(hosts, 1_000, {}, [slow, fast]));
      expect(much.placements.map((p) => p.variant)).toEqual(["fast"]);
      expect(much.explain()).toMatchObject([{ kind: "upgrade", from: ["slow"] }]);
    });

    it("asks for nothing again that is on its way", () => {
      const coming = host(2, [], { placed: new Set(["slow"]), loading: new Set(["slow"]) });
      expect(loads(facts([host(1, ["slow"]), coming], 150))).toEqual([]);
    });
  });

  describe("when the others are enough", () => {
    const hosts = [host(1, ["slow"]), host(2, ["slow"])];
    const after = (nowMs: number, memory: ScalingMemory, perSecond = 10) =>
      planned(facts(hosts, perSecond, { nowMs }), memory);

    it("unloads an instance after the time that it takes to load, and keeps the last", () => {
      const first = after(0, fresh);
      expect(first.unloads).toEqual([]);
      expect(after(999, first.memory).unloads).toEqual([]);
      expect(after(1_000, first.memory).unloads).toMatchObject([{ variant: "slow", executor: "executor-2" }]);
      const alone = facts([host(1, ["slow"])], 0, { nowMs: 1e6 });
      expect(planned(alone, first.memory).unloads).toEqual([]);
    });

    it("begins anew when demand was there in between", () => {
      const between = after(500, after(0, fresh).memory, 150);
      const again = after(900, between.memory);
      expect(after(1_500, again.memory).unloads).toEqual([]);
      expect(after(1_900, again.memory).unloads).toHaveLength(1);
    });

    it("leaves what an operator placed", () => {
      const kept = hosts.map((one) => ({ ...one, removable: new Set<string>() }));
      const first = planned(facts(kept, 1));
      expect(planned(facts(kept, 1, { nowMs: 1e6 }), first.memory).unloads).toEqual([]);
    });
  });

  describe("hosts", () => {
    it("are one more when every one is busier than 80 %, and none while one is on its way", () => {
      const changes = (hosts: readonly ScaledHost[], perSecond: number) =>
        planned(facts(hosts, perSecond)).changes.map((c) => `${c.kind} ${c.host}`);
      expect(changes([host(1, ["slow"])], 70)).toEqual([]);
      expect(changes([host(1, ["slow"])], 80)).toEqual(["start executor-2"]);
      expect(changes([host(1, ["slow"])], 300)).toEqual(["start executor-2"]);
      expect(changes([host(1, ["slow"]), host(2, [], { state: "starting" })], 300)).toEqual([]);
      const most = [1, 2, 3, 4].map((number) => host(number, ["slow"]));
      expect(changes(most, 9_000)).toEqual([]);
    });

    it("go one at a time after a hold in which one fewer was enough, never one that serves alone", () => {
      const hosts = [host(1, ["slow"]), host(2, ["slow"]), host(3, [])];
      const first = planned(facts(hosts, 50));
      const due = planned(facts(hosts, 50, { nowMs: 60_000 }), first.memory);
      expect(due.changes).toMatchObject([{ kind: "drain", host: "executor-3" }]);
      expect(planned(facts(hosts, 50, { nowMs: 59_000 }), first.memory).changes).toEqual([]);
      const alone = [host(1, []), host(2, ["slow"])];
      const held = planned(facts(alone, 50));
      expect(planned(facts(alone, 50, { nowMs: 60_000 }), held.memory).waits).toEqual([
        "executor-2 stays until another host can answer 'digits/uci'",
      ]);
    });

    it("stay while demand is not known", () => {
      const hosts = [host(1, ["slow"]), host(2, ["slow"])];
      const first = planned(facts(hosts, 10));
      const unknown = facts(hosts, 10, { nowMs: 1e6, demandKnown: false });
      expect(planned(unknown, first.memory)).toMatchObject({ changes: [], unloads: [] });
    });
  });

  it("answers the same to the same", () => {
    const f = facts([host(1, ["slow"]), host(2, [])], 500, {}, [slow, fast]);
    const told = ({ explain, ...rest }: ReturnType<typeof planned>) => ({ ...rest, lines: explain() });
    expect(told(planned(f))).toEqual(told(planned(f)));
  });
});
