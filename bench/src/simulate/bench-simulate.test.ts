import { simulateManaged } from "./managed";
import { simulatePoisson } from "./poisson";
import { expectedWait, simulateQueue } from "./queues";

jest.setTimeout(120_000);

describe("simulatePoisson", () => {
  const o = { seed: 1, policy: "infaas", load: 0.7, seconds: 0.1 } as const;
  const count = (report: string, what: string) =>
    Number(new RegExp(`^${what} +(\\d+)`, "m").exec(report)?.[1]);

  it("says the same bytes for the same seed, and others for another", async () => {
    const report = await simulatePoisson(o);
    expect(await simulatePoisson(o)).toBe(report);
    expect(await simulatePoisson({ ...o, seed: 2 })).not.toBe(report);
  });

  it("answers all in time at nine tenths of the capacity: none waits in one executor while the other is idle", async () => {
    const report = await simulatePoisson({ ...o, load: 0.9, seconds: 0.5 });
    expect(count(report, "in time")).toBe(count(report, "offered"));
  });

  it("accounts for every query, and refuses what twice the capacity cannot answer", async () => {
    const report = await simulatePoisson({ ...o, load: 2 });
    const offered = count(report, "offered");
    expect(count(report, "in time") + count(report, "late") + count(report, "refused")).toBe(offered);
    expect(count(report, "in time")).toBeGreaterThan(0.35 * offered);
    expect(count(report, "refused")).toBeGreaterThan(0.35 * offered);
  });

  it("tells policies apart: the paper's sees no queue", async () => {
    const load = { ...o, load: 0.9 };
    const paper = await simulatePoisson({ ...load, policy: "infaas-paper" });
    expect(paper).toContain("policy infaas-paper");
    expect(count(await simulatePoisson(load), "in time")).toBeGreaterThan(count(paper, "in time"));
  });
});

describe("expectedWait", () => {
  it.each([
    ["M", 1, 0.5, 1],
    ["M", 1, 0.95, 19],
    ["D", 1, 0.5, 0.5],
    ["D", 1, 0.9, 4.5],
    // Erlang's C of 4 servers at 0.9 is 0.7878.
    ["M", 4, 0.9, 1.9694],
    // By the approximation of Cosmetatos (1975).
    ["D", 4, 0.9, 0.9996],
  ] as const)("of M/%s/%i at %d is %d services", (service, servers, utilisation, expected) => {
    const wait = expectedWait({ service, servers }, utilisation);
    expect(Math.abs(wait / expected - 1)).toBeLessThan(1e-3);
  });
});

describe("simulateQueue", () => {
  it.each([
    ["M", 1],
    ["D", 1],
    ["M", 4],
    ["D", 4],
  ] as const)(
    "of M/%s/%i waits as the theory says, through frontend, links, executor and the native batcher",
    async (service, servers) => {
      const size = { queries: 3_000, recursionQueries: 3_000_000 } as const;
      const found = await simulateQueue({ service, servers, seed: 1, utilisation: 0.7, ...size });
      const { expected, recursion, simulated, same } = found;
      expect(Math.abs(recursion / expected - 1)).toBeLessThan(0.01);
      expect(Math.abs(simulated / same - 1)).toBeLessThan(0.005);
    },
  );
});

describe("simulateManaged", () => {
  const o = { seed: 1, policy: "infaas", objective: "min-cost" } as const;

  it("refuses nothing while hosts are on their way where a faster variant may answer, and says how often it did", async () => {
    const phases = [
      { multiple: 0.3, seconds: 10 },
      { multiple: 2.2, seconds: 5 },
    ];
    const report = await simulateManaged({ ...o, objective: "max-accuracy", phases });
    const [, less] = /^ +10 .* (\d+) +0\.98\d\d$/m.exec(report) ?? [];
    expect(Number(less)).toBeGreaterThan(1_000);
    expect(report).toMatch(/^all: \d+ offered, 100.00 % in time, 0 late, 0 refused, 0 lost$/m);
  });

  it("says the same bytes twice", async () => {
    const phases = [{ multiple: 2.2, seconds: 3 }];
    expect(await simulateManaged({ ...o, phases })).toBe(await simulateManaged({ ...o, phases }));
  });

  it("buys hosts for a load that two cannot answer, and then answers all of it in time", async () => {
    const report = await simulateManaged({ ...o, phases: [{ multiple: 2.2, seconds: 30 }] });
    const rows = report.split("\n").flatMap((line) => {
      const cells = /^ +(\d+) +([\d.]+)x +(\d+) +(\d+) +\d+ +([\d.]+) %/.exec(line)?.slice(1).map(Number);
      return cells === undefined ? [] : [cells];
    });
    expect(rows.map(([, , up]) => up)).toEqual([2, 3, 3]);
    expect(rows.at(-1)?.at(-1)).toBe(100);
  });
});
