import fc from "fast-check";
import { type ColdTimes, coldPhases } from "./cold-start";

const load = { fetchMs: 10, processMs: 0, openMs: 30, probeMs: 5 };
const times = (over: Partial<ColdTimes> = {}): ColdTimes => ({
  decideMs: 1,
  waitedMs: 60,
  hostMs: 0,
  expectedHostMs: null,
  firstRunMs: 4,
  load,
  known: null,
  expectedRunMs: 3,
  ...over,
});
const told = (of: ColdTimes) => coldPhases(of).map(({ phase, ms }) => `${phase} ${ms}`);

describe("coldPhases", () => {
  it("are the load and what was needed to tell of it", () => {
    expect(told(times())).toEqual([
      "decide 1",
      "records 15",
      "fetch 10",
      "open 30",
      "probe 5",
      "first-run 4",
    ]);
  });

  it("leave out what was done before the query came", () => {
    expect(told(times({ waitedMs: 12 }))).toEqual([
      "decide 1",
      "records 0",
      "open 7",
      "probe 5",
      "first-run 4",
    ]);
  });

  it("are the wait alone where the executor told nothing of the load", () => {
    expect(told(times({ load: null }))).toEqual(["decide 1", "records 60", "first-run 4"]);
  });

  it("name what was expected of each", () => {
    const time = (p50Ms: number) => ({ p50Ms, p95Ms: 2 * p50Ms });
    const phases = { fetch: time(9), process: time(0), open: time(28), probe: time(4), total: time(41) };
    const known = { variant: "v", hostType: "local-cpu", loads: 3, phases };
    expect(coldPhases(times({ known })).map((p) => p.expectedMs)).toEqual([null, null, 9, 28, 4, 3]);
  });

  it("always add up to the whole time", () => {
    const ms = fc.double({ min: 0, max: 1e4, noNaN: true });
    const loads = fc.option(fc.record({ fetchMs: ms, processMs: ms, openMs: ms, probeMs: ms }));
    fc.assert(
      fc.property(ms, ms, ms, loads, (decideMs, waitedMs, firstRunMs, of) => {
        const phases = coldPhases(times({ decideMs, waitedMs, firstRunMs, load: of }));
        const sum = phases.reduce((total, phase) => total + phase.ms, 0);
        expect(sum).toBeCloseTo(decideMs + waitedMs + firstRunMs, 6);
        expect(phases.every((phase) => phase.ms >= 0)).toBe(true);
      }),
    );
  });
});
