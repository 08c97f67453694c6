type Environment = Readonly<Record<string, string | undefined>>;

/** OpenTelemetry's environment variables as those of a process, or what is wrong with them. */
export interface OtelVariables {
  readonly values: Readonly<Record<string, string>>;
  readonly faults: readonly string[];
}

/** Ways to a collector: OTLP over gRPC, or over HTTP in protobuf. */
export const otlpProtocols = ["grpc", "http/protobuf"] as const;
export type OtlpProtocol = (typeof otlpProtocols)[number];

/** Samplers by name; null: their argument says the ratio. A caller's decision wins with each of them. */
const samplers: ReadonlyMap<string, string | null> = new Map(
  ["", "parentbased_"].flatMap((prefix): [string, string | null][] => [
    [`${prefix}always_on`, "1"],
    [`${prefix}always_off`, "0"],
    [`${prefix}traceidratio`, null],
  ]),
);

/**
 * Returns what OpenTelemetry's variables say (opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables) by the
 * names of our own, which win where both are set. Resource attributes, headers and time limits are read by the SDK itself.
 */
export function otelVariables(env: Environment): OtelVariables {
  if (env.OTEL_SDK_DISABLED?.toLowerCase() === "true") return { values: {}, faults: [] };
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint = "", OTEL_EXPORTER_OTLP_PROTOCOL: protocol = "" } = env;
  const { OTEL_TRACES_SAMPLER: sampler = "", OTEL_TRACES_SAMPLER_ARG: argument = "" } = env;
  const values: Record<string, string> = {};
  const faults: string[] = [];
  if (endpoint !== "") values.INFAAS_OTLP_ENDPOINT = endpoint;
  if (otlpProtocols.some((known) => known === protocol)) values.INFAAS_OTLP_PROTOCOL = protocol;
  else if (protocol !== "")
    faults.push(`OTEL_EXPORTER_OTLP_PROTOCOL is '${protocol}'; allowed: ${otlpProtocols.join(", ")}`);
  const ratio = samplers.get(sampler);
  if (sampler !== "" && ratio === undefined)
    faults.push(`OTEL_TRACES_SAMPLER is '${sampler}'; allowed: ${[...samplers.keys()].join(", ")}`);
  else if (ratio === null && !isRatio(argument))
    faults.push(`OTEL_TRACES_SAMPLER_ARG is '${argument}'; allowed: 0 to 1`);
  else if (ratio !== undefined) values.INFAAS_TRACE_SAMPLE_RATIO = ratio ?? (argument || "1");
  return { values, faults };
}

/** None is 1, as the specification has it. */
function isRatio(text: string): boolean {
  return Number(text) >= 0 && Number(text) <= 1;
}
