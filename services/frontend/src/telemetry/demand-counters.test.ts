import { VirtualClock } from "@infaas/runtime";
import { NO_SLO } from "../query/requirements";
import { OTHER_DEMAND } from "../view/demand-class";
import { DemandCounters } from "./demand-counters";

const MINUTES_MS = 60_000;

describe("DemandCounters", () => {
  it("counts queries that ask for the same in one class, with their rows and ends", () => {
    const demand = new DemandCounters(new VirtualClock());
    demand.offered("digits", NO_SLO, 1).inTime++;
    demand.offered("digits", { ...NO_SLO }, 8).late++;
    demand.offered("digits", { ...NO_SLO, minAccuracy: 0.98 }, 2).refused++;
    const [any, accurate] = demand.readings();
    expect(any?.counts).toMatchObject({ offered: 2, rows: 9, inTime: 1, late: 1, refused: 0 });
    expect(accurate?.counts).toMatchObject({ offered: 1, rows: 2, refused: 1 });
  });

  it("counts classes beyond the bound as one, however many there are", () => {
    const demand = new DemandCounters(new VirtualClock());
    for (let i = 0; i < 3_000; i++) demand.offered(`model-${i}`, NO_SLO, 1);
    const readings = demand.readings();
    expect(readings).toHaveLength(1_025);
    expect(readings.find((r) => r.demandClass === OTHER_DEMAND)?.counts.offered).toBe(3_000 - 1_024);
  });

  it("forgets a class that nobody asks for, and then counts another in its place", async () => {
    const clock = new VirtualClock();
    const demand = new DemandCounters(clock);
    for (let i = 0; i < 1_024; i++) demand.offered(`model-${i}`, NO_SLO, 1);
    demand.sweep();
    await clock.advance(2 * MINUTES_MS);
    demand.offered("model-7", NO_SLO, 1);
    demand.sweep();
    demand.offered("new", NO_SLO, 1);
    expect(demand.readings().map((r) => r.demandClass.target)).toEqual(["model-7", "new"]);
  });
});
