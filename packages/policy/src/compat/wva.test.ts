import { buildCatalog } from "../catalog";
import { finished } from "../planning/finished";
import { policyNamed } from "../policies";
import { SCALING_DEFAULTS } from "../scaling/plan-scaling";
import { hostName, type ScaledHost, type ScalingFacts } from "../scaling/scaling-facts";
import { freshMemory, type ScalingMemory } from "../scaling/scaling-memory";
import { classDemand, hostPool, scaledHost, scalingFacts } from "../testing/scaling-facts";
import { pointsOf, variant } from "../testing/snapshots";

const OPTIONS = { ...SCALING_DEFAULTS, holdMs: 60_000 };
/** A host of one core has room for one replica of either. */
const cheap = variant({ name: "cheap", saturationPerSecond: 100, points: pointsOf(10) });
const dear = variant({ name: "dear", saturationPerSecond: 50, points: pointsOf(20) });
const policy = policyNamed("wva");

function host(number: number, held: readonly string[], over: Partial<ScaledHost> = {}): ScaledHost {
  return scaledHost(hostName(number), held, { removable: new Set(held), ...over });
}

function planned(
  hosts: readonly ScaledHost[],
  perSecond: number,
  over: Partial<ScalingFacts> = {},
  memory: ScalingMemory = freshMemory(OPTIONS, 0),
) {
  const demand = [classDemand(perSecond * 10, 10)];
  const catalog = buildCatalog({ variants: [cheap, dear] });
  const facts = scalingFacts({ catalog, pool: hostPool(4), hosts, demand, ...over });
  return finished(policy.planScaling(facts, memory, OPTIONS));
}

describe("wva", () => {
  it.each([
    [69, []],
    [71, ["cheap on executor-2"]],
  ])("at %i of 100 rows/s loads %j", (perSecond, loads) => {
    const plan = planned([host(1, ["cheap"]), host(2, [])], perSecond);
    expect(plan.placements.map((one) => `${one.variant} on ${one.executor}`)).toEqual(loads);
  });

  it("asks for a host where a replica finds none, one at a time", () => {
    expect(planned([host(1, ["cheap"])], 90).changes.map(({ kind }) => kind)).toEqual(["start"]);
    const coming = host(2, [], { state: "starting" });
    expect(planned([host(1, ["cheap"]), coming], 90).changes).toEqual([]);
  });

  it("takes no step while a replica is on its way, nor within the period of the last one", () => {
    const loading = host(2, ["cheap"], { ready: new Set() });
    expect(planned([host(1, ["cheap"]), loading, host(3, [])], 200).placements).toEqual([]);
    const hosts = [host(1, ["cheap"]), host(2, ["cheap"]), host(3, [])];
    const { memory, placements } = planned(hosts, 150);
    expect(placements).toHaveLength(1);
    expect(planned(hosts, 150, { nowMs: 29_999 }, memory).placements).toEqual([]);
    expect(planned(hosts, 150, { nowMs: 30_000 }, memory).placements).toHaveLength(1);
  });

  it("unloads the dearest replica that the others can do without", () => {
    const hosts = [host(1, ["cheap"]), host(2, ["dear"]), host(3, ["cheap"])];
    const unloads = (perSecond: number) => planned(hosts, perSecond).unloads.map(({ variant: name }) => name);
    expect(unloads(141)).toEqual([]);
    expect(unloads(139)).toEqual(["dear"]);
    expect(planned([host(1, ["cheap"])], 1).unloads).toEqual([]);
  });

  it("lets a host go that has been empty for a hold", () => {
    const hosts = [host(1, ["cheap"]), host(2, [])];
    const { memory, changes } = planned(hosts, 10);
    expect(changes).toEqual([]);
    expect(planned(hosts, 10, { nowMs: 59_999 }, memory).changes).toEqual([]);
    expect(planned(hosts, 10, { nowMs: 60_000 }, memory).changes).toMatchObject([
      { kind: "drain", host: "executor-2" },
    ]);
  });
});
