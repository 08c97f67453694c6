import type { Slo } from "@infaas/policy";
import { VirtualClock } from "@infaas/runtime";
import { NO_SLO } from "../query/requirements";
import { OTHER_DEMAND } from "../view/demand-class";
import { DemandCounters } from "./demand-counters";

const MINUTES_MS = 60_000;

/** One query of this target. */
const asking = (target: string, slo: Partial<Slo> = {}, rows = 1) => ({
  target,
  slo: { ...NO_SLO, ...slo },
  rows,
  isRetry: false,
});

describe("DemandCounters", () => {
  it("counts queries that ask for the same in one class, with their rows and ends", () => {
    const demand = new DemandCounters(new VirtualClock());
    demand.offered(asking("digits", {}, 8))!.inTime++;
    demand.offered(asking("digits", {}, 9))!.late++;
    demand.offered(asking("digits", { minAccuracy: 0.98 }, 2))!["refused.full"]++;
    demand.offered(asking("digits", {}, 2));
    const [any, accurate, small] = demand.readings();
    expect(any?.counts).toMatchObject({ offered: 2, rows: 17, inTime: 1, late: 1, "refused.full": 0 });
    expect(accurate?.counts).toMatchObject({ offered: 1, rows: 2, "refused.full": 1 });
    expect(small?.counts).toMatchObject({ offered: 1, rows: 2 });
  });

  it("tells the tightest objective of a class", () => {
    const demand = new DemandCounters(new VirtualClock());
    for (const latencyMs of [55, 50, 52]) demand.offered(asking("digits", { latencyMs }));
    expect(demand.readings()).toMatchObject([{ latencyMs: 50, demandClass: { latencyFromMs: 38.44 } }]);
  });

  it("counts a query that its caller sends again apart from demand, and not its end", () => {
    const demand = new DemandCounters(new VirtualClock());
    demand.offered(asking("digits"));
    expect(demand.offered({ ...asking("digits"), isRetry: true })).toBeNull();
    expect(demand.readings()[0]?.counts).toMatchObject({ offered: 1, rows: 1, retried: 1 });
  });

  it("tells the most arrivals by window for two periods", async () => {
    const clock = new VirtualClock();
    const demand = new DemandCounters(clock);
    for (let i = 0; i < 300; i++) demand.offered(asking("digits", { latencyMs: 1_000 }));
    await clock.advance(5_000);
    demand.offered(asking("digits", { latencyMs: 1_000 }));
    const most = () => [...(demand.readings()[0]?.bursts ?? [])].map(([, arrivals]) => arrivals);
    expect(most()).toEqual([300, 300, 300, 301, 301, 301, 301]);
    demand.sweep();
    demand.sweep();
    expect(most()).toEqual([]);
  });

  it("counts classes beyond the bound as one, however many there are", () => {
    const demand = new DemandCounters(new VirtualClock());
    for (let i = 0; i < 3_000; i++) demand.offered(asking(`model-${i}`));
    const readings = demand.readings();
    expect(readings).toHaveLength(1_025);
    expect(readings.find((r) => r.demandClass === OTHER_DEMAND)?.counts.offered).toBe(3_000 - 1_024);
  });

  it("makes room for new classes by those that are asked for least", () => {
    const demand = new DemandCounters(new VirtualClock());
    for (let i = 0; i < 1_024; i++) demand.offered(asking(`model-${i}`));
    for (let i = 0; i < 100; i++) for (let n = 0; n < 2; n++) demand.offered(asking(`model-${9 * i}`));
    demand.sweep();
    demand.offered(asking("new"));
    const targets = demand.readings().map((r) => r.demandClass.target);
    expect(targets).toHaveLength(769);
    expect(targets).toContain("new");
    expect(
      Array.from({ length: 100 }, (_, i) => `model-${9 * i}`).filter((t) => !targets.includes(t)),
    ).toEqual([]);
  });

  it("forgets a class that nobody asks for, and then counts another in its place", async () => {
    const clock = new VirtualClock();
    const demand = new DemandCounters(clock);
    for (let i = 0; i < 1_000; i++) demand.offered(asking(`model-${i}`));
    demand.sweep();
    await clock.advance(2 * MINUTES_MS);
    demand.offered(asking("model-7"));
    demand.sweep();
    demand.offered(asking("new"));
    expect(demand.readings().map((r) => r.demandClass.target)).toEqual(["model-7", "new"]);
  });
});
