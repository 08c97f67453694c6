import { LOADS_ENOUGH, LoadLedger, loadKey, phaseTime } from "./load-ledger";

const load = (openMs: number) => ({ fetchMs: 1, processMs: 0, openMs, probeMs: 2 });

describe("LoadLedger", () => {
  it("tells quantiles by phase, variant and host type", () => {
    const ledger = new LoadLedger();
    for (let ms = 1; ms <= 20; ms++) ledger.add("v", "local-cpu", load(ms));
    expect(ledger.times("v", "local-cpu")).toMatchObject({
      loads: 20,
      phases: {
        fetch: { p50Ms: 1, p95Ms: 1 },
        process: { p50Ms: 0 },
        open: { p50Ms: 10, p95Ms: 19 },
        probe: { p50Ms: 2 },
        total: { p50Ms: 13, p95Ms: 22 },
      },
    });
    expect(ledger.times("v", "large-cpu")).toBeNull();
    expect(ledger.times("w", "local-cpu")).toBeNull();
  });

  it("forgets loads beyond the latest 64", () => {
    const ledger = new LoadLedger();
    for (let ms = 1; ms <= 1_000; ms++) ledger.add("v", "local-cpu", load(ms));
    expect(ledger.times("v", "local-cpu")).toMatchObject({ loads: 64, phases: { open: { p50Ms: 968 } } });
  });

  it("forgets pairs that were loaded longest ago", () => {
    const ledger = new LoadLedger();
    for (let i = 0; i < 4_096; i++) ledger.add(`v${i}`, "local-cpu", load(1));
    ledger.add("v0", "local-cpu", load(1));
    ledger.add("new", "local-cpu", load(1));
    expect(ledger.times("v0", "local-cpu")).not.toBeNull();
    expect(ledger.times("v1", "local-cpu")).toBeNull();
    expect(ledger.all((variant) => variant === "new")).toHaveLength(1);
  });

  it("expects nothing of few loads, then what they took, and later ones do not change what was told", () => {
    const ledger = new LoadLedger();
    const key = loadKey("v", "local-cpu");
    for (let ms = 1; ms < LOADS_ENOUGH; ms++) ledger.add("v", "local-cpu", load(ms));
    expect(ledger.expected.size).toBe(0);
    ledger.add("v", "local-cpu", load(1_000));
    const told = ledger.expected;
    expect(ledger.expected).toBe(told);
    expect(told.get(key)).toMatchObject({ loads: 5, phases: { open: { p50Ms: 3, p95Ms: 1_000 } } });
    for (let i = 0; i < 8; i++) ledger.add("v", "local-cpu", load(1_000));
    expect(told.get(key)?.phases.open.p50Ms).toBe(3);
    expect(ledger.expected.get(key)?.phases.open.p50Ms).toBe(1_000);
  });
});

describe("phaseTime", () => {
  it("is the smallest time that half of them, and 95 % of them, are not above", () => {
    expect(phaseTime([9])).toEqual({ p50Ms: 9, p95Ms: 9 });
    expect(phaseTime([40, 10, 30, 20])).toEqual({ p50Ms: 20, p95Ms: 40 });
  });
});
