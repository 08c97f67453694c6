import { simulateMd1, simulatePoisson } from "./bench-simulate";

jest.setTimeout(120_000);

describe("simulatePoisson", () => {
  const o = { seed: 1, policy: "infaas", load: 0.7, seconds: 0.1 } as const;

  it("says the same bytes for the same seed, and others for another", async () => {
    const report = await simulatePoisson(o);
    expect(await simulatePoisson(o)).toBe(report);
    expect(await simulatePoisson({ ...o, seed: 2 })).not.toBe(report);
  });

  it("answers all in time at nine tenths of the capacity: none waits in one executor while the other is idle", async () => {
    const report = await simulatePoisson({ ...o, load: 0.9, seconds: 0.5 });
    const count = (what: string) => Number(new RegExp(`^${what} +(\\d+)`, "m").exec(report)?.[1]);
    expect(count("in time")).toBe(count("offered"));
  });

  it("accounts for every query, and refuses what twice the capacity cannot answer", async () => {
    const report = await simulatePoisson({ ...o, load: 2 });
    const count = (what: string) => Number(new RegExp(`^${what} +(\\d+)`, "m").exec(report)?.[1]);
    const offered = count("offered");
    expect(count("in time") + count("late") + count("refused")).toBe(offered);
    expect(count("in time")).toBeGreaterThan(0.35 * offered);
    expect(count("refused")).toBeGreaterThan(0.35 * offered);
  });

  it("tells policies apart: the paper's sees no queue", async () => {
    const count = (report: string) => Number(/^in time +(\d+)/m.exec(report)?.[1]);
    const load = { ...o, load: 0.9 };
    const paper = await simulatePoisson({ ...load, policy: "infaas-paper" });
    expect(paper).toContain("policy infaas-paper");
    expect(count(await simulatePoisson(load))).toBeGreaterThan(count(paper));
  });
});

describe("simulateMd1", () => {
  it("waits as long as the formula says, within 1 %, through frontend, links, executor and the native batcher", async () => {
    const { meanWaitMs, expectedMs } = await simulateMd1({ seed: 1, utilisation: 0.5, queries: 20_000 });
    expect(Math.abs(meanWaitMs / expectedMs - 1)).toBeLessThan(0.01);
  });
});
