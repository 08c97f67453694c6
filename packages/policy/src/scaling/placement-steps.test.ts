import { buildCatalog } from "../catalog";
import { finished } from "../planning/finished";
import type { PlacementPlan } from "../planning/problem";
import { column, planClass } from "../testing/planning-problems";
import { classDemand } from "../testing/scaling-facts";
import { pointsOf, variant } from "../testing/snapshots";
import { classKey } from "./capacity";
import { LOADS_PER_HOST_MAX, type PlacedHost, placementSteps } from "./placement-steps";

const exact = variant({ name: "exact", accuracy: 0.99, points: pointsOf(5), peakMemoryBytes: 6 });
const fast = variant({ name: "fast", accuracy: 0.95, points: pointsOf(1), peakMemoryBytes: 2 });
const middle = variant({ name: "middle", accuracy: 0.93, points: pointsOf(1), peakMemoryBytes: 2 });
const others = ["o1", "o2", "o3"].map((name) => variant({ name, task: "other/task", peakMemoryBytes: 2 }));
const catalog = buildCatalog({ variants: [exact, fast, middle, ...others] });

const demand = classDemand(100, 10, { minAccuracy: 0.9, objective: "max-accuracy" });

function host(name: string, placed: readonly string[], over: Partial<PlacedHost> = {}): PlacedHost {
  const held = new Set(placed);
  return {
    name,
    isServing: true,
    memoryBytes: 8,
    ready: held,
    placed: held,
    loading: new Set(),
    removable: held,
    ...over,
  };
}

/** The class is planned with one variant on these hosts. */
function planned(name: string, hosts: readonly string[], beside: readonly string[] = []): PlacementPlan {
  const by = column({ variant: name });
  const of = planClass(classKey(demand), [by]);
  return {
    classes: [
      { of, shares: hosts.map((on) => ({ host: on, column: by, rowsPerSecond: 1 })), unservedPerSecond: 0 },
    ],
    hosts: hosts.map((on) => ({ name: on, variants: [name, ...beside], busy: 0.5 })),
    price: { hosts: 0, loads: 0, penalties: 0, unserved: 0, total: 0 },
  };
}

function steps(hosts: readonly PlacedHost[], plan: PlacementPlan) {
  const demands = [{ key: classKey(demand), demand, columns: [] }];
  const { loads, unloads, waits } = finished(placementSteps({ catalog, hosts, demands, plan }));
  const named = (list: typeof loads) => list.map((step) => `${step.variant}@${step.executor}`);
  return { loads: named(loads), unloads: named(unloads), waits };
}

describe("placementSteps", () => {
  it("loads what is missing where there is memory, with the reason", () => {
    const plan = planned("exact", ["h1", "h2"]);
    expect(steps([host("h1", ["exact"]), host("h2", [])], plan)).toMatchObject({
      loads: ["exact@h2"],
      unloads: [],
    });
    const demands = [{ key: classKey(demand), demand, columns: [] }];
    const { loads } = finished(placementSteps({ catalog, hosts: [host("h2", [])], demands, plan }));
    expect(loads[0]?.because).toBe("it is planned for 'digits/uci' on 2 hosts");
  });

  it("loads nothing on a host that does not serve", () => {
    expect(steps([host("h1", [], { isServing: false })], planned("exact", ["h1"])).loads).toEqual([]);
  });

  it("loads no more at once on a host than the bound", () => {
    const plan = planned("fast", ["h1"], ["o1", "o2"]);
    const { loads, waits } = steps([host("h1", [])], plan);
    expect(loads).toHaveLength(LOADS_PER_HOST_MAX);
    expect(waits).toEqual(["o2 waits for 2 loads on h1"]);
    expect(steps([host("h1", ["x"], { loading: new Set(["x", "y"]) })], plan).loads).toEqual([]);
  });

  describe("of what no query may evict", () => {
    const retained = (hosts: readonly PlacedHost[], plan: PlacementPlan) => {
      const demands = [{ key: classKey(demand), demand, columns: [] }];
      const told = finished(placementSteps({ catalog, hosts, demands, plan })).retained;
      return [...told].flatMap(([on, names]) => [...names].map((name) => `${name}@${on}`));
    };

    it("retains what is planned, loaded or not, whoever placed it, and nothing beside it", () => {
      const hosts = [
        host("h1", ["fast", "o1"], { removable: new Set(["o1"]) }),
        host("h2", ["o1"]),
        host("h3", ["fast"], { isServing: false }),
      ];
      expect(retained(hosts, planned("fast", ["h1", "h2"]))).toEqual(["fast@h1", "fast@h2"]);
    });

    it("retains the last ready instance of a class until the planned one is ready, one of several", () => {
      const plan = planned("exact", ["h1"]);
      const loading = host("h1", ["exact"], { ready: new Set() });
      expect(retained([loading, host("h2", ["fast", "middle"])], plan)).toEqual(["exact@h1", "middle@h2"]);
      expect(retained([host("h1", ["exact"]), host("h2", ["fast", "middle"])], plan)).toEqual(["exact@h1"]);
    });

    it("retains nothing that goes, and withdraws what the next plan has no use for", () => {
      const both = [host("h1", ["exact", "fast"]), host("h2", ["exact", "fast"])];
      expect(retained(both, planned("fast", ["h1", "h2"]))).toEqual(["fast@h1", "fast@h2"]);
      expect(retained(both, planned("exact", ["h1"]))).toEqual(["exact@h1"]);
    });
  });

  describe("of a downgrade", () => {
    const plan = planned("fast", ["h1", "h2"]);

    it("loads the other first, and keeps what serves meanwhile", () => {
      const { loads, unloads, waits } = steps([host("h1", ["exact"]), host("h2", ["exact"])], plan);
      expect(loads).toEqual(["fast@h1", "fast@h2"]);
      expect(unloads).toEqual([]);
      expect(waits[0]).toMatch(/^exact stays on h1 until that is ready: 'digits\/uci' is planned with fast$/);
    });

    it("unloads what selection would prefer once all of the other is ready", () => {
      const both = ["exact", "fast"];
      expect(steps([host("h1", both), host("h2", both)], plan).unloads).toEqual(["exact@h1", "exact@h2"]);
      const late = host("h2", both, { ready: new Set(["exact"]) });
      expect(steps([host("h1", both), late], plan).unloads).toEqual([]);
    });

    it("tells what nobody should load meanwhile, but for what another class is planned with", () => {
      const told = (plan: PlacementPlan) => {
        const demands = [{ key: classKey(demand), demand, columns: [] }];
        const hosts = [host("h1", ["fast"])];
        return [...finished(placementSteps({ catalog, hosts, demands, plan })).retired];
      };
      expect(told(plan)).toEqual(["exact"]);
      expect(told(planned("fast", ["h1"], ["exact"]))).toEqual([]);
      expect(told(planned("exact", ["h1"]))).toEqual([]);
    });

    it("leaves what an operator placed", () => {
      const kept = host("h1", ["exact", "fast"], { removable: new Set(["fast"]) });
      expect(steps([kept, host("h2", ["fast"])], plan).unloads).toEqual([]);
    });
  });

  describe("without memory for what is planned", () => {
    it("unloads what the plan has no use for, and loads once that is gone", () => {
      const plan = planned("exact", ["h1"]);
      const full = host("h1", ["o1", "o2", "fast"], { ready: new Set(["o1", "o2"]) });
      expect(steps([full], plan)).toMatchObject({ loads: [], unloads: ["fast@h1", "o1@h1"] });
      expect(steps([host("h1", ["o2"])], plan).loads).toEqual(["exact@h1"]);
    });

    it("does not unload both of two instances that are each served without by the other", () => {
      const both = host("h1", ["fast", "middle"], { memoryBytes: 7 });
      expect(steps([both], planned("exact", ["h1"])).unloads).toEqual([]);
      const roomy = { ...both, memoryBytes: 8 };
      expect(steps([roomy], planned("exact", ["h1"])).unloads).toEqual(["fast@h1"]);
    });

    it("keeps the last ready instance of a class with demand, and waits", () => {
      const { loads, unloads, waits } = steps(
        [host("h1", ["fast", "o1"], { memoryBytes: 7 })],
        planned("exact", ["h1"]),
      );
      expect({ loads, unloads }).toEqual({ loads: [], unloads: [] });
      expect(waits).toEqual(["exact waits for memory on h1"]);
    });
  });
});
