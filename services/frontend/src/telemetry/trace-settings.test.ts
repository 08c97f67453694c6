import { Code, ServiceError } from "@infaas/runtime";
import { TraceSettings } from "./trace-settings";

const codeOf = (call: () => void): string => {
  try {
    call();
  } catch (error) {
    const { code, message } = ServiceError.from(error);
    return `${code} ${message}`;
  }
  return "was taken";
};

describe("TraceSettings", () => {
  let settings: TraceSettings;
  beforeEach(() => {
    settings = new TraceSettings({ records: true, sampleRatio: 0.01 }, null);
  });

  it("shows what the process was started with until something is set", () => {
    expect(settings.shown("")).toEqual({
      trace_level: ["TIMESTAMPS"],
      trace_rate: ["100"],
      trace_count: ["-1"],
      log_frequency: ["0"],
      trace_file: [""],
    });
    expect(settings.ruleFor("mlp")).toMatchObject({ on: true, ratio: 0.01, every: null, left: -1 });
  });

  it("lets a model follow what is set for all, but for what is set for itself", () => {
    settings.update("", { trace_rate: ["5"], trace_count: ["40"] });
    settings.update("mlp", { trace_rate: ["2"] });
    expect(settings.ruleFor("other")).toMatchObject({ on: true, every: 5, left: 40 });
    expect(settings.ruleFor("mlp")).toMatchObject({ on: true, every: 2, left: 40 });
    expect(settings.shown("mlp")).toMatchObject({ trace_rate: ["2"], trace_count: ["40"] });
    settings.update("", { trace_level: ["OFF"] });
    expect(settings.ruleFor("mlp").on).toBe(false);
  });

  it("clears what is given empty", () => {
    settings.update("", { trace_rate: ["5"] });
    settings.update("mlp", { trace_rate: ["2"] });
    settings.update("mlp", { trace_rate: [] });
    expect(settings.shown("mlp").trace_rate).toEqual(["5"]);
    settings.update("", { trace_rate: [] });
    expect(settings.ruleFor("mlp")).toMatchObject({ every: null, ratio: 0.01 });
  });

  it("shows what is left of a count, and begins anew only where it is set or cleared", () => {
    settings.update("", { trace_count: ["40"] });
    settings.update("mlp", { trace_count: ["5"] });
    settings.ruleFor("mlp").left -= 2;
    settings.ruleFor("other").left -= 1;
    settings.update("", {});
    settings.update("mlp", { trace_rate: ["2"] });
    const lefts = () => ["", "mlp"].map((name) => settings.shown(name).trace_count?.[0]);
    expect(lefts()).toEqual(["39", "3"]);
    settings.update("", { trace_count: ["7"] });
    expect(lefts()).toEqual(["7", "3"]);
    settings.update("mlp", { trace_count: [] });
    expect(lefts()).toEqual(["7", "7"]);
  });

  it.each<[string, readonly string[], Code, string]>([
    ["trace_mood", ["1"], Code.INVALID_ARGUMENT, "trace_mood is no trace setting; known: trace_level"],
    ["trace_rate", ["0"], Code.INVALID_ARGUMENT, "trace_rate is '0'; allowed: one whole number from 1"],
    ["trace_count", ["-2"], Code.INVALID_ARGUMENT, "one whole number from -1"],
    ["trace_rate", ["1", "2"], Code.INVALID_ARGUMENT, "trace_rate is '1,2'"],
    ["trace_level", ["LOUD"], Code.INVALID_ARGUMENT, "trace_level is 'LOUD'; allowed: OFF, TIMESTAMPS"],
    ["trace_level", ["TENSORS"], Code.UNIMPLEMENTED, "traces carry no tensors"],
    ["trace_file", ["/tmp/x"], Code.UNIMPLEMENTED, "trace_file cannot be changed"],
    ["log_frequency", ["50"], Code.UNIMPLEMENTED, "log_frequency is about a file of traces"],
  ])("refuses %s of %j, and then sets nothing else either", (name, values, code, sentence) => {
    const said = codeOf(() => settings.update("", { trace_count: ["7"], [name]: values }));
    expect(said.startsWith(`${code} `)).toBe(true);
    expect(said).toContain(sentence);
    expect(settings.shown("").trace_count).toEqual(["-1"]);
  });

  it("splits the file of traces for all models, where there is one", () => {
    const file = { path: "/var/trace.json", frequency: 0 };
    const filed = new TraceSettings({ records: true, sampleRatio: 0.01 }, file);
    filed.update("", { log_frequency: ["50"], trace_file: ["/var/trace.json"] });
    expect(file.frequency).toBe(50);
    expect(filed.shown("mlp")).toMatchObject({ log_frequency: ["50"], trace_file: ["/var/trace.json"] });
    expect(codeOf(() => filed.update("mlp", { log_frequency: ["5"] }))).toContain("they share one file");
    expect(codeOf(() => filed.update("", { log_frequency: ["4097"] }))).toContain("from 0 to 4096");
    expect(codeOf(() => filed.update("", { trace_file: ["/tmp/x"] }))).toContain("cannot be changed");
    filed.update("", { log_frequency: [] });
    expect(file.frequency).toBe(0);
  });

  it("is off and stays off where traces would go nowhere", () => {
    const none = new TraceSettings({ records: false, sampleRatio: 0 }, null);
    expect(none.shown("").trace_level).toEqual(["OFF"]);
    expect(codeOf(() => none.update("", { trace_level: ["TIMESTAMPS"] }))).toContain(
      `${Code.FAILED_PRECONDITION} traces would go nowhere`,
    );
  });
});
