import { buildCatalog } from "../catalog";
import { finished } from "../planning/finished";
import { planHost } from "../testing/planning-problems";
import { classDemand } from "../testing/scaling-facts";
import { executor, pointsOf, variant } from "../testing/snapshots";
import { type ExpectedLoads, LoadLedger } from "./load-ledger";
import { demandProblem } from "./planning-problem";

const TERMS = { dwellSeconds: 60, violationFactor: 10, maxUsdPerHour: null };
const demand = classDemand(6_000, 60);
// The first answers a row in less time of a host, and by their profiles both load in one second.
const catalog = buildCatalog({
  variants: [
    variant({ name: "lean", points: pointsOf(1), saturationPerSecond: 1_000 }),
    variant({ name: "quick", points: pointsOf(2), saturationPerSecond: 500 }),
  ],
});

/** Loads of this variant that took this long each, half of it in opening the file. */
function loads(count: number, variantName: string, ms: number, hostType = "local-cpu"): ExpectedLoads {
  const ledger = new LoadLedger();
  const load = { fetchMs: ms / 4, processMs: 0, openMs: ms / 2, probeMs: ms / 4 };
  for (let i = 0; i < count; i++) ledger.add(variantName, hostType, load);
  return ledger.expected;
}

/** What a load of each column of the class takes in the problem. */
function loadsPlanned(expectedLoads?: ExpectedLoads) {
  const ground = { catalog, types: [executor()], hosts: [planHost("h1")] };
  const told = expectedLoads === undefined ? {} : { expectedLoads };
  const { problem } = finished(demandProblem({ ...ground, ...told }, [demand], new Map(), TERMS));
  return problem.classes.map((one) => one.columns.map((column) => [column.variant, column.loadMs]));
}

describe("demandProblem, of what a load takes", () => {
  it("believes the profile while nothing is known of loads", () => {
    expect(loadsPlanned()).toEqual([[["lean", 1_000]]]);
  });

  it("takes all phases of the loads that were seen on such hosts, once they are enough", () => {
    expect(loadsPlanned(loads(5, "lean", 800))).toEqual([[["lean", 800]]]);
    expect(loadsPlanned(loads(4, "lean", 800))).toEqual([[["lean", 1_000]]]);
    expect(loadsPlanned(loads(5, "lean", 800, "large-cpu"))).toEqual([[["lean", 1_000]]]);
  });

  it("does not leave out a variant that costs more to run and loads in less time than it was thought", () => {
    expect(loadsPlanned(loads(5, "lean", 30_000))).toEqual([
      [
        ["lean", 30_000],
        ["quick", 1_000],
      ],
    ]);
  });
});
