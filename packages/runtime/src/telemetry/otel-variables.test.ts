import { otelVariables } from "./otel-variables";

describe("otelVariables", () => {
  it("reads endpoint, protocol and sampler", () => {
    const { values, faults } = otelVariables({
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
      OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
      OTEL_TRACES_SAMPLER_ARG: "0.25",
    });
    expect(faults).toEqual([]);
    expect(values).toEqual({
      INFAAS_OTLP_ENDPOINT: "http://collector:4318",
      INFAAS_OTLP_PROTOCOL: "http/protobuf",
      INFAAS_TRACE_SAMPLE_RATIO: "0.25",
    });
  });

  it.each([
    ["always_on", "1"],
    ["parentbased_always_off", "0"],
    ["traceidratio", "1"],
  ])("takes %s without an argument for a ratio of %s", (sampler, ratio) => {
    const { values } = otelVariables({ OTEL_TRACES_SAMPLER: sampler });
    expect(values).toEqual({ INFAAS_TRACE_SAMPLE_RATIO: ratio });
  });

  it("names each variable that says what there is not", () => {
    const { values, faults } = otelVariables({
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_TRACES_SAMPLER: "jaeger_remote",
    });
    expect(values).toEqual({});
    expect(faults).toHaveLength(2);
    expect(faults[0]).toBe("OTEL_EXPORTER_OTLP_PROTOCOL is 'http/json'; allowed: grpc, http/protobuf");
    const argument = otelVariables({ OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "some" });
    expect(argument.faults).toEqual(["OTEL_TRACES_SAMPLER_ARG is 'some'; allowed: 0 to 1"]);
  });

  it("says nothing where there is none, or the SDK is disabled", () => {
    expect(otelVariables({})).toEqual({ values: {}, faults: [] });
    const disabled = { OTEL_SDK_DISABLED: "true", OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4317" };
    expect(otelVariables(disabled).values).toEqual({});
  });
});
