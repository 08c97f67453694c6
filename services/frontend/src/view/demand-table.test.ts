import { NO_SLO } from "../query/requirements";
import { type DemandCounts, type DemandReading, demandClass, noDemand } from "./demand-class";
import { DemandTable } from "./demand-table";

const digits = demandClass("digits", NO_SLO, 1);
const reading = (counts: Partial<DemandCounts>, more: Partial<DemandReading> = {}) => [
  { demandClass: digits, latencyMs: null, bursts: new Map(), ...more, counts: { ...noDemand(), ...counts } },
];

/** A table that heard `perSecond` queries of four rows each second. */
function heard(table: DemandTable, frontend: string, seconds: number, perSecond: number, fromMs = 0) {
  for (let s = 0; s <= seconds; s++) {
    const offered = s * perSecond;
    table.take(frontend, reading({ offered, rows: 4 * offered, inTime: offered }), fromMs + s * 1_000);
  }
}

describe("DemandTable", () => {
  it("knows no rate from one reading: what came before it may be a day old", () => {
    const table = new DemandTable();
    table.take("f1", reading({ offered: 5_000 }), 0);
    expect(table.figures()).toMatchObject([{ arrivals: 0, rate: { perSecond: 0 } }]);
  });

  it("takes the rate over the shortest window with thirty arrivals", () => {
    const table = new DemandTable();
    heard(table, "f1", 60, 10);
    const [figures] = table.figures();
    expect(figures).toMatchObject({ arrivals: 40, rate: { perSecond: 10 }, rowsPerQuery: 4, attainment: 1 });
    table.take("f1", reading({ offered: 600 + 500, rows: 4_400, inTime: 600 }), 61_000);
    expect(table.figures()[0]?.rate.perSecond).toBe(500);
  });

  it("tells the rate of a longer window beside, once somebody asked for as long", () => {
    const table = new DemandTable();
    heard(table, "f1", 3, 100);
    expect(table.figures()).toMatchObject([{ arrivals: 100, steadyRate: null }]);
    table.take("f1", reading({ offered: 700, rows: 2_800 }), 4_000);
    expect(table.figures()).toMatchObject([{ rate: { perSecond: 400 }, steadyRate: { perSecond: 175 } }]);
  });

  it("lets a rate fall when queries stop", () => {
    const table = new DemandTable();
    heard(table, "f1", 10, 10);
    for (let s = 11; s <= 14; s++) table.take("f1", reading({ offered: 100, inTime: 100 }), s * 1_000);
    expect(table.figures()[0]?.rate.perSecond).toBeLessThan(7);
    for (let s = 15; s <= 80; s++) table.take("f1", reading({ offered: 100, inTime: 100 }), s * 1_000);
    expect(table.figures()).toMatchObject([{ arrivals: 0, rate: { perSecond: 0, lower: 0 } }]);
  });

  it("adds up frontends, whenever each tells", () => {
    const table = new DemandTable();
    heard(table, "f1", 20, 30);
    heard(table, "f2", 20, 50, 333);
    expect(table.figures()).toMatchObject([{ arrivals: 80, rate: { perSecond: 80 } }]);
    table.keepOnly(new Set(["f2"]));
    expect(table.figures()).toMatchObject([{ rate: { perSecond: 50 } }]);
  });

  it("counts the first queries of a class that its frontend did not have before", () => {
    const table = new DemandTable();
    table.take("f1", [], 0);
    table.take("f1", reading({ offered: 40, rows: 40 }), 1_000);
    expect(table.figures()).toMatchObject([{ arrivals: 40, rate: { perSecond: 40 } }]);
  });

  it("adds up how queries with a latency objective ended over all frontends, and no others", () => {
    const table = new DemandTable();
    const counts = { inTime: 7, late: 1, "refused.full": 2, "refused.infeasible": 4 };
    table.take("f1", reading(counts, { latencyMs: 20 }), 0);
    table.take("f2", reading({ inTime: 5, "refused.late": 1 }, { latencyMs: 50 }), 0);
    table.take("f3", reading(counts), 0);
    expect(table.outcomes()).toEqual({ ended: 16, missed: 4 });
  });

  it("takes counts that fell as those of a new life", () => {
    const table = new DemandTable();
    heard(table, "f1", 10, 100);
    table.take("f1", reading({ offered: 50, rows: 200 }), 11_000);
    expect(table.figures()).toMatchObject([{ arrivals: 50, rate: { perSecond: 50 }, rowsPerQuery: 4 }]);
  });

  it("counts refused queries as not in time, those given up as neither", () => {
    const table = new DemandTable();
    table.take("f1", [], 0);
    table.take(
      "f1",
      reading({ offered: 20, inTime: 6, late: 1, "refused.full": 2, "refused.late": 1, givenUp: 10 }),
      1_000,
    );
    expect(table.attainmentOf("f1")).toMatchObject([{ demandClass: digits, attainment: 0.6 }]);
    expect(table.attainmentOf("f2")).toEqual([]);
    expect(table.figures()).toMatchObject([
      { seconds: 1, inTime: 6, late: 1, refusedByReason: { full: 2, late: 1, failed: 0 }, givenUp: 10 },
    ]);
  });

  it("adds up the envelopes that were told last", () => {
    const table = new DemandTable();
    table.take("f1", reading({ offered: 400 }, { bursts: new Map([[500, 312]]) }), 0);
    table.take("f2", reading({ offered: 400 }, { bursts: new Map([[500, 8]]) }), 0);
    expect(table.figures()[0]?.envelope).toEqual([{ windowMs: 500, arrivals: 320 }]);
    table.take("f1", reading({ offered: 400 }), 1_000);
    expect(table.figures()[0]?.envelope).toEqual([{ windowMs: 500, arrivals: 8 }]);
  });

  it("tells the tightest objective over all frontends", () => {
    const table = new DemandTable();
    table.take("f1", reading({}, { latencyMs: 57 }), 0);
    table.take("f2", reading({}, { latencyMs: 50 }), 0);
    expect(table.figures()).toMatchObject([{ latencyMs: 50 }]);
  });

  it("says how old the figures of a frontend are", () => {
    const table = new DemandTable();
    table.take("f1", [], 1_000);
    expect(table.ageMs("f1", 4_500)).toBe(3_500);
    expect(table.ageMs("f2", 4_500)).toBe(Number.POSITIVE_INFINITY);
  });

  it("keeps no more samples when counts come more often", () => {
    const table = new DemandTable();
    for (let ms = 0; ms <= 60_000; ms += 100) table.take("f1", reading({ offered: ms / 10 }), ms);
    expect(table.figures()[0]?.rate.perSecond).toBeCloseTo(100, 0);
  });
});
