import { ServiceError } from "@infaas/runtime";
import { changesOf, loadParameters, logSettings, settingsJson, traceSettings } from "./settings-json";

describe("logSettings", () => {
  it("keeps the kind of each value", () => {
    expect(logSettings({ log_info: true, log_verbose_level: 1, log_file: "" })).toEqual({
      log_info: { parameterChoice: { case: "boolParam", value: true } },
      log_verbose_level: { parameterChoice: { case: "uint32Param", value: 1 } },
      log_file: { parameterChoice: { case: "stringParam", value: "" } },
    });
  });

  it("refuses a value of another kind by name", () => {
    expect(() => logSettings({ log_verbose_level: -1 })).toThrow(ServiceError);
  });
});

describe("traceSettings", () => {
  it("takes text, lists and numbers, and clears with null", () => {
    expect(
      traceSettings({ trace_level: ["TIMESTAMPS"], trace_rate: 5, trace_count: "-1", log_frequency: null }),
    ).toEqual({
      trace_level: { value: ["TIMESTAMPS"] },
      trace_rate: { value: ["5"] },
      trace_count: { value: ["-1"] },
      log_frequency: { value: [] },
    });
  });
});

describe("loadParameters", () => {
  it("reads files from base64, and the config as text", () => {
    expect(loadParameters({ config: "{}", "file:1/model.onnx": "AAH/", unload_dependents: false })).toEqual({
      config: { parameterChoice: { case: "stringParam", value: "{}" } },
      "file:1/model.onnx": { parameterChoice: { case: "bytesParam", value: new Uint8Array([0, 1, 255]) } },
      unload_dependents: { parameterChoice: { case: "boolParam", value: false } },
    });
  });
});

describe("settingsJson", () => {
  it("shows a trace level as a list and every other value alone", () => {
    expect(settingsJson({ trace_level: { value: ["OFF"] }, trace_rate: { value: ["1000"] } })).toEqual({
      trace_level: ["OFF"],
      trace_rate: "1000",
    });
    expect(settingsJson({ log_info: { parameterChoice: { value: false } } })).toEqual({ log_info: false });
  });
});

describe("changesOf", () => {
  it("is nothing for a GET", () => {
    expect(changesOf("GET", { log_info: true })).toEqual({});
  });
});
