import { NO_SLO, type RawValue, readRequirements, sloFault } from "./requirements";

function read(
  parameters: Record<string, RawValue>,
  metadata: Record<string, string> = {},
  deadlineMs: number | null = null,
  named: Record<string, RawValue> = {},
) {
  return readRequirements({
    parameters: new Map(Object.entries(parameters)),
    metadata: (name) => metadata[name],
    metadataNames: () => Object.keys(metadata),
    named: new Map(Object.entries(named)),
    deadlineMs,
  });
}

describe("readRequirements", () => {
  describe("when nothing is said", () => {
    it("demands nothing", () => {
      expect(read({})).toEqual({
        ok: true,
        requirements: {
          slo: NO_SLO,
          explain: false,
          priority: 0,
          queueTimeoutMs: null,
          deadlineBinds: false,
        },
      });
    });
  });

  describe("when requirements ride in parameters", () => {
    it("reads every one, whatever number type it came in", () => {
      const result = read({
        slo_latency_ms: 25n,
        slo_min_accuracy: 0.9,
        slo_max_cost: "0.002",
        objective: "max-accuracy",
        no_downgrade: true,
        deterministic: true,
        explain: true,
        priority: 2n,
        timeout: 1500n,
      });
      expect(result).toEqual({
        ok: true,
        requirements: {
          slo: {
            latencyMs: 25,
            minAccuracy: 0.9,
            maxCostUsd: 0.002,
            objective: "max-accuracy",
            noDowngrade: true,
            deterministic: true,
          },
          explain: true,
          priority: 2,
          queueTimeoutMs: 1.5,
          deadlineBinds: false,
        },
      });
    });
  });

  describe("when requirements ride in request metadata", () => {
    it("reads percentages and times with their unit", () => {
      expect(read({}, { "slo-latency-ms": "0.05s", "slo-min-accuracy": "95%" })).toMatchObject({
        ok: true,
        requirements: { slo: { latencyMs: 50, minAccuracy: 0.95 } },
      });
      const fault = "slo_latency_ms is '95%'; allowed: a number above 0 and up to 86400000";
      expect(read({}, { "slo-latency-ms": "95%" })).toEqual({ ok: false, fault });
    });

    it("reads the names with dashes, and lets parameters win", () => {
      const result = read(
        { slo_min_accuracy: 0.8 },
        { "slo-latency-ms": "12.5", "slo-min-accuracy": "0.95", "no-downgrade": "true" },
      );
      expect(result).toMatchObject({
        ok: true,
        requirements: { slo: { latencyMs: 12.5, minAccuracy: 0.8, noDowngrade: true } },
      });
    });

    it.each(["slo-min-acuracy", "slo_min_accuracy", "slo-accuracy"])(
      "refuses %s, which nobody reads",
      (name) => {
        const fault = `${name} is no requirement; known: slo-latency-ms, slo-min-accuracy, slo-max-cost`;
        expect(read({}, { [name]: "0.9", "user-agent": "x" })).toEqual({ ok: false, fault });
      },
    );
  });

  describe("when requirements ride in the name", () => {
    it("reads them where neither parameters nor metadata say otherwise", () => {
      const named = {
        slo_latency_ms: "20",
        slo_min_accuracy: "0.9",
        slo_max_cost: "1",
        objective: "min-latency",
      };
      const result = read({ slo_min_accuracy: 0.8 }, { "slo-max-cost": "2" }, null, named);
      const slo = { latencyMs: 20, minAccuracy: 0.8, maxCostUsd: 2, objective: "min-latency" };
      expect(result).toMatchObject({ ok: true, requirements: { slo } });
    });

    it("checks them as parameters are", () => {
      expect(read({}, {}, null, { slo_min_accuracy: "2" })).toMatchObject({ ok: false });
    });
  });

  describe("when the call has a deadline", () => {
    it.each([
      [{ slo_latency_ms: 100 }, 30, 30, true],
      [{ slo_latency_ms: 20 }, 30, 20, false],
      [{}, 30, 30, true],
    ])("of %p and %p ms the shorter wins", (parameters, deadlineMs, expected, deadlineBinds) => {
      expect(read(parameters as Record<string, RawValue>, {}, deadlineMs)).toMatchObject({
        requirements: { slo: { latencyMs: expected }, deadlineBinds },
      });
    });
  });

  describe("when a value is out of its range", () => {
    it.each<[Record<string, RawValue>, string]>([
      [{ slo_latency_ms: 0 }, "slo_latency_ms is 0; allowed: a number above 0 and up to 86400000"],
      [{ slo_latency_ms: "soon" }, "slo_latency_ms is 'soon'; allowed: a number above 0 and up to 86400000"],
      [{ slo_min_accuracy: 1.2 }, "slo_min_accuracy is 1.2; allowed: a number from 0 to 1"],
      [{ slo_min_accuracy: true }, "slo_min_accuracy is true; allowed: a number from 0 to 1"],
      [{ slo_max_cost: -1 }, "slo_max_cost is -1; allowed: a number above 0 and up to 1000000"],
      [{ slo_max_cost: Number.NaN }, "slo_max_cost is NaN; allowed: a number above 0 and up to 1000000"],
      [{ objective: "fast" }, "objective is 'fast'; allowed: min-cost, max-accuracy, min-latency"],
      [{ no_downgrade: "maybe" }, "no_downgrade is 'maybe'; allowed: true or false"],
      [{ priority: 1.5 }, "priority is 1.5; allowed: a whole number from 0 to 9007199254740991"],
      [{ timeout: -1n }, "timeout is -1; allowed: a whole number from 0 to 86400000000"],
      [
        { "slo-latency-ms": 5 },
        "slo-latency-ms is no requirement; known: slo_latency_ms, slo_min_accuracy, slo_max_cost",
      ],
      [
        { slo_latncy_ms: 5 },
        "slo_latncy_ms is no requirement; known: slo_latency_ms, slo_min_accuracy, slo_max_cost",
      ],
    ])("refuses %p and says what is allowed", (parameters, fault) => {
      expect(read(parameters)).toEqual({ ok: false, fault });
    });
  });

  it("takes any priority from 0", () => {
    expect(read({ priority: 99 })).toMatchObject({ requirements: { priority: 99 } });
    expect(read({ priority: 1 })).toMatchObject({ requirements: { priority: 1 } });
  });
});

describe("sloFault", () => {
  it("accepts a sound objective and names the first unsound one", () => {
    expect(sloFault({ ...NO_SLO, latencyMs: 10 })).toBeNull();
    expect(sloFault({ ...NO_SLO, minAccuracy: 2 })).toBe("min_accuracy is 2; allowed: a number from 0 to 1");
  });
});
