import { buildCatalog } from "../catalog";
import { classDemand, hostPool, scaledHost, scalingFacts } from "../testing/scaling-facts";
import { pointsOf, variant } from "../testing/snapshots";
import type { ClassDemand } from "./capacity";
import { LoadLedger } from "./load-ledger";
import { offeredHosts } from "./offered-hosts";
import { planScaling, SCALING_DEFAULTS } from "./plan-scaling";
import { rateInterval } from "./rate-interval";
import { hostName, type ScaledHost, type ScalingFacts } from "./scaling-facts";
import { freshMemory, type ScalingMemory } from "./scaling-memory";

const OPTIONS = { ...SCALING_DEFAULTS, holdMs: 60_000, holdMaxMs: 600_000 };
const catalog = buildCatalog({
  variants: [variant({ name: "v", saturationPerSecond: 100, points: pointsOf(10), peakMemoryBytes: 1e6 })],
});

/** `busy` hosts' worth of queries, seen for long enough that the bounds lie close. */
function demand(busy: number): ClassDemand {
  return classDemand(Math.round(busy * 100 * 60), 60);
}

function host(number: number, over: Partial<ScaledHost> = {}): ScaledHost {
  return scaledHost(hostName(number), ["v"], over);
}

function facts(hosts: readonly ScaledHost[], busy: number, over: Partial<ScalingFacts> = {}): ScalingFacts {
  return scalingFacts({ catalog, hosts, demand: [demand(busy)], ...over });
}

const fresh = freshMemory(OPTIONS, 0);
const planned = (f: ScalingFacts, memory = fresh) => planScaling(f, memory, OPTIONS);
const kinds = (f: ScalingFacts, memory = fresh) =>
  planned(f, memory).changes.map(({ kind, host: name }) => `${kind} ${name}`);

/** The memory after a round each second in which demand was `busy`. */
function after(seconds: number, hosts: readonly ScaledHost[], busy: number, from = fresh): ScalingMemory {
  let memory = from;
  for (let s = 1; s <= seconds; s++)
    memory = planned(facts(hosts, busy, { nowMs: s * 1_000 }), memory).memory;
  return memory;
}

describe("planScaling", () => {
  it("keeps the least there may be, without any demand", () => {
    expect(kinds(facts([], 0))).toEqual(["start executor-1"]);
    expect(kinds(facts([host(1)], 0, { nowMs: 1e9 }))).toEqual([]);
  });

  it("starts as many as the upper bound of demand needs, at once, and says why with figures", () => {
    const plan = planned(facts([host(1)], 2.2));
    expect(plan.changes.map((c) => c.host)).toEqual(["executor-2", "executor-3"]);
    expect(plan.changes[0]?.because).toMatch(
      /^demand keeps 2\.1\d to 2\.2\d hosts busy: 'digits\/uci' has 21\d to 22\d queries\/s of 1 rows, v answers 100 rows\/s on one host; with headroom that takes 2\.5\d hosts$/,
    );
  });

  it("prices a start by the median of those seen, and holds for twice what nearly all take", () => {
    const startTime = { p50Ms: 10_000, p95Ms: 50_000 };
    const hosts = offeredHosts(facts([host(1)], 0, { startTime }), 100);
    expect(hosts.map((one) => one.addedUsdPerHour)).toEqual([
      0,
      expect.closeTo(0.384 * 1.1),
      expect.closeTo(0.384 * 1.1),
    ]);
    expect(planned(facts([host(1)], 0, { startTime })).memory.holdMs).toBe(100_000);
    expect(planned(facts([host(1)], 0)).memory.holdMs).toBe(60_000);
  });

  it("prices loads by those that were seen, once they are enough", () => {
    const loadsUsd = (count: number) => {
      const ledger = new LoadLedger();
      const load = { fetchMs: 2_000, processMs: 0, openMs: 900, probeMs: 100 };
      for (let i = 0; i < count; i++) ledger.add("v", "local-cpu", load);
      const empty = host(1, { ready: new Set(), placed: new Set() });
      return planned(facts([empty], 0.3, { expectedLoads: ledger.expected })).price.loads;
    };
    // Of a hold of 60 s, one by the profile and three by the ledger.
    expect(loadsUsd(4)).toBeCloseTo(0.384 / 60);
    expect(loadsUsd(5)).toBeCloseTo((3 * 0.384) / 60);
  });

  it("starts none while those that were asked for are on their way", () => {
    const coming = [host(1), host(2, { state: "starting" }), host(3, { state: "requested" })];
    expect(kinds(facts(coming, 2.2))).toEqual([]);
  });

  it("goes no further than the most there may be, what drains included", () => {
    const plan = planned(facts([host(1), host(2)], 9));
    expect(plan.changes.map((c) => c.host)).toEqual(["executor-3"]);
    expect(plan.changes[0]?.because).toContain("at most 3 are allowed");
    expect(kinds(facts([host(1), host(2), host(3, { state: "draining" })], 9))).toEqual([]);
  });

  it("starts one more when queues outgrow an objective although the rate fits", () => {
    const plan = planned(facts([host(1)], 0.5, { overdueMs: 120 }));
    expect(plan.changes).toMatchObject([{ kind: "start", host: "executor-2" }]);
    expect(plan.changes[0]?.because).toContain("120 ms longer");
    expect(kinds(facts([host(1), host(2, { state: "starting" })], 0.5, { overdueMs: 120 }))).toEqual([]);
  });

  it("starts none while starts rest after failing, and then again", () => {
    const resting = facts([host(1)], 2.2, { startsRestUntilMs: 5_000, nowMs: 4_999 });
    expect(kinds(resting)).toEqual([]);
    expect(kinds({ ...resting, nowMs: 5_000 })).toHaveLength(2);
  });

  describe("when demand has fallen", () => {
    const three = [host(1), host(2), host(3)];

    it("lets one go after a whole hold, the last one that came", () => {
      const memory = after(60, three, 0.3);
      expect(kinds(facts(three, 0.3, { nowMs: 59_999 }), after(59, three, 0.3))).toEqual([]);
      expect(kinds(facts(three, 0.3, { nowMs: 60_000 }), memory)).toEqual(["drain executor-3"]);
    });

    it("lets none go within a hold of demand that needs it", () => {
      const high = after(100, three, 2.2);
      let memory = high;
      for (let s = 101; s <= 159; s++) {
        const plan = planned(facts(three, 0.3, { nowMs: s * 1_000 }), memory);
        expect(plan.changes).toEqual([]);
        memory = plan.memory;
      }
      expect(kinds(facts(three, 0.3, { nowMs: 161_000 }), memory)).toEqual(["drain executor-3"]);
    });

    it("lets none go before the first hold of whoever leads now is over", () => {
      expect(kinds(facts(three, 0, { nowMs: 59_000 }))).toEqual([]);
    });

    it("buys none for the width of an interval", () => {
      const few = { ...demand(0.3), arrivals: 5, rate: rateInterval(5, 0.04) };
      expect(few.rate.upper).toBeGreaterThan(200);
      expect(kinds(facts([host(1)], 0, { demand: [few], nowMs: 90_000 }))).toEqual([]);
    });

    it("calls none off that was asked for within a hold, although it was needed for a moment only", () => {
      const few = { ...demand(1), arrivals: 60, rate: rateInterval(60, 0.5) };
      const asked = planned(facts([host(1)], 0, { demand: [few], nowMs: 90_000 }), after(89, [host(1)], 0.3));
      expect(asked.changes).toMatchObject([{ kind: "start", host: "executor-2" }]);
      const coming = [host(1), host(2, { state: "starting" })];
      expect(kinds(facts(coming, 0.5, { nowMs: 91_000 }), asked.memory)).toEqual([]);
    });

    it("lets none go while a frontend is silent, nor for a hold afterwards", () => {
      const silent = planned(
        facts(three, 0.3, { nowMs: 100_000, demandKnown: false }),
        after(60, three, 0.3),
      );
      expect(silent.changes).toEqual([]);
      expect(kinds(facts(three, 0.3, { nowMs: 101_000 }), silent.memory)).toEqual([]);
    });

    it("lets one go at a time", () => {
      const draining = [host(1), host(2), host(3, { state: "draining" })];
      const plan = planned(facts(draining, 0.3, { nowMs: 100_000 }), after(99, draining, 0.3));
      expect(plan.changes).toEqual([]);
      expect(plan.summary).toContain("executor-3 drains first");
    });

    it("calls one off that is not up yet", () => {
      const coming = [host(1), host(2, { state: "starting" })];
      expect(kinds(facts(coming, 0.3, { nowMs: 100_000 }), after(99, coming, 0.3))).toEqual([
        "cancel executor-2",
      ]);
    });

    it("keeps the only host that can answer a class with demand, and loads it elsewhere first", () => {
      const none = new Set<string>();
      const bare = [host(1, { ready: none, placed: none }), host(2)];
      const plan = planned(facts(bare, 0.3, { nowMs: 100_000 }), after(99, bare, 0.3));
      expect(plan.changes).toEqual([]);
      expect(plan.placements).toMatchObject([{ variant: "v", executor: "executor-1" }]);
      expect(plan.summary).toContain("executor-2 stays until another host can answer 'digits/uci'");
      const ready = [host(1), host(2)];
      expect(kinds(facts(ready, 0.3, { nowMs: 101_000 }), plan.memory)).toEqual(["drain executor-2"]);
    });

    it("waits twice as long after a reversal, and as before once all was calm", () => {
      const memory = after(60, three, 0.3);
      const down = planned(facts(three, 0.3, { nowMs: 60_000 }), memory).memory;
      const two = [host(1), host(2)];
      const up = planned(facts(two, 2.2, { nowMs: 90_000 }), down);
      expect(up.changes).toHaveLength(1);
      expect(up.memory.holdMs).toBe(120_000);
      const calm = planned(facts(two, 1.2, { nowMs: 90_000 + 600_000 }), up.memory);
      expect(planned(facts(two, 1.2, { nowMs: 90_000 + 599_000 }), up.memory).memory.holdMs).toBe(120_000);
      expect(calm.memory.holdMs).toBe(60_000);
    });
  });

  it("lets the last host go where there may be none, after a hold that asked for nothing, unless a load is waited for", () => {
    const pool = { ...hostPool(3), minHosts: 0 };
    const hosts = [host(1)];
    const idle = { pool, nowMs: 60_000 };
    expect(kinds(facts(hosts, 0, { ...idle, nowMs: 59_000 }))).toEqual([]);
    expect(kinds(facts(hosts, 0, idle))).toEqual(["drain executor-1"]);
    expect(kinds(facts(hosts, 0, { ...idle, isWished: true }))).toEqual([]);
    const none = planned(facts([], 0, { pool, isWished: true }));
    expect(none.changes).toMatchObject([
      { kind: "start", because: expect.stringContaining("a load is waited for") },
    ]);
    expect(planned(facts([], 0, { pool })).changes).toEqual([]);
  });

  it("lets a host go that an operator took out of service, and has another in its place", () => {
    const plan = planned(facts([host(1), host(2, { withdrawn: true })], 1.2));
    expect(plan.changes.map((c) => `${c.kind} ${c.host}`)).toEqual(["drain executor-2", "start executor-3"]);
    expect(plan.changes[0]?.because).toContain("operator");
  });

  it("loads what classes with demand need on every host that is up, within its memory", () => {
    const none = new Set<string>();
    const bare = [host(1), host(2, { placed: none }), host(3, { placed: none, state: "starting" })];
    expect(planned(facts(bare, 1)).placements).toMatchObject([{ variant: "v", executor: "executor-2" }]);
    const small = hostPool(3, { memoryBytes: 1e6 - 1 });
    expect(planned(facts(bare, 1, { pool: small })).placements).toEqual([]);
    expect(planned(facts(bare, 0)).placements).toEqual([]);
  });
});
