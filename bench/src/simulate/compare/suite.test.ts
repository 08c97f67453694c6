import { hostTypes } from "./models";
import { FORMS, suiteOf } from "./suite";

describe("suiteOf", () => {
  it("has the paper's loads for both objectives, and all prices and starts in the long form", () => {
    const long = suiteOf("long");
    expect(new Set(long.map(({ workload }) => workload)).size).toBe(6);
    expect(new Set(long.map(({ bootMs }) => bootMs))).toEqual(new Set([25_000, 45_000]));
    const { inferentia, "inferentia-later": later } = hostTypes;
    for (const { host } of [inferentia, later])
      expect(long.some((scenario) => scenario.host.pricePerHourUsd === host.pricePerHourUsd)).toBe(true);
    expect(new Set(long.map(({ classes }) => classes.length))).toEqual(new Set([1, 22]));
    const configurations = new Set(
      long.map(({ name, workload, bootMs, classes, host }) =>
        [name, workload, bootMs, classes[0]?.objective, host.pricePerHourUsd].join(" "),
      ),
    );
    expect(configurations.size).toBe(long.length);
  });

  it("measures whole slots of the oracle", () => {
    for (const form of ["short", "long"] as const)
      for (const { seconds, warmupSeconds } of suiteOf(form)) expect((seconds - warmupSeconds) % 10).toBe(0);
    expect(suiteOf("short").length).toBeLessThan(suiteOf("long").length);
    expect(FORMS.long.seeds.length).toBeGreaterThanOrEqual(5);
  });
});
