import { unbalanced } from "./books";
import { comparisonOf } from "./comparison";
import { describeComparison } from "./describe";
import type { HostSeconds } from "./host-meter";
import { figuresOf } from "./outcome";
import { compared, scenarioOf } from "./simulate-compare";

jest.setTimeout(120_000);

const scenario = scenarioOf({
  ...({ workload: "flat", type: "cpu", models: 1, objective: "min-cost" } as const),
  ...{ perSecond: 30, seconds: 20, warmupSeconds: 10, maxHosts: 4, bootSeconds: 5 },
});

describe("compared", () => {
  it("has policies meet the same arrivals, and tells what each paid for them", async () => {
    const comparison = await compared(scenario, ["static-fast", "none"], [1], 0);
    const [fixed, none] = comparison.rows.map(({ outcomes }) => outcomes[0]);
    expect(none?.arrivals).toEqual(fixed?.arrivals);
    expect(fixed === undefined ? 0 : figuresOf(fixed).attainment).toBe(1);
    // One host answers some 20 of 30 queries a second.
    expect(none?.violations.refused).toBeGreaterThan(0);
    const report = describeComparison(comparison);
    expect(report).toContain(`configuration ${comparison.configuration}`);
    expect(report).toMatch(/less static-fast, seed by seed/);
    if (fixed === undefined) throw new Error("no outcome");
    const cheap = { ...fixed, hostSeconds: { used: 1, headroom: 0, boot: 0, idle: 0 } };
    expect(() => comparisonOf(scenario, ["static-fast"], [1], [cheap])).toThrow("less than $");
    const books = { receiptsMs: 10, usedMs: 10, billedSeconds: sumOf(fixed.hostSeconds) };
    expect(unbalanced(fixed, books)).toEqual([]);
    expect(unbalanced({ ...fixed, offered: fixed.offered + 1 }, books)).toHaveLength(1);
    expect(unbalanced(fixed, { ...books, receiptsMs: 10.1 })).toHaveLength(1);
    expect(unbalanced(fixed, { ...books, billedSeconds: 1.01 * books.billedSeconds })).toHaveLength(1);
  });
});

function sumOf({ used, headroom, boot, idle }: HostSeconds): number {
  return used + headroom + boot + idle;
}
