import { fromJsonString, type JsonObject, toJson } from "@bufbuild/protobuf";
import {
  type AxisLimit,
  axisNames,
  CORE_WEIGHT_MAX,
  CORE_WEIGHT_MIN,
  CORE_WEIGHT_PARAMETER,
  coreWeightOf,
  type ModelConfig,
  ModelConfigSchema,
  ModelInstanceGroup_Kind,
  ModelInstanceGroupSchema,
} from "@infaas/api";
import { dynamicBatching, fieldsBeside, type Override } from "./dynamic-batching-config";

/** Registered facts that a config is checked against. */
export interface LoadFacts {
  /** ModelConfig under the name that was asked for, without any override. */
  readonly registered: ModelConfig;
  /** Other names of the same model. */
  readonly names: readonly string[];
  readonly version: number;
  /** Batches at once that its variants have; several where they differ. */
  readonly concurrencies: readonly number[];
  /** Batches at once that the cores of an executor allow. */
  readonly concurrencyMax: number;
  /** Limits of free axes that its variants were registered with. */
  readonly axisLimits: readonly AxisLimit[];
}

/**
 * The override; null when the config says what holds anyway. Or one sentence naming the field and what is
 * accepted.
 */
export type LoadConfigRead =
  | { readonly ok: true; readonly override: Override | null }
  | { readonly ok: false; readonly fault: string };

/** What one field adds to the override, or why it cannot be as asked. */
type Reader = (config: ModelConfig, facts: LoadFacts) => Override | string;

/** Longest config that is read. */
export const CONFIG_CHARS_MAX = 65_536;

/** What has a meaning here, by the field's name. All else is refused, for it would be silently ignored. */
const readers: Readonly<Record<string, Reader>> = {
  name: ({ name }, { names }) =>
    names.includes(name) ? {} : `name is '${name}'; accepted: ${names.map((n) => `'${n}'`).join(" or ")}`,
  platform: asRegistered("platform"),
  backend: asRegistered("backend"),
  input: asRegistered("input"),
  output: asRegistered("output"),
  model_transaction_policy: asRegistered("model_transaction_policy"),
  default_model_filename: ({ defaultModelFilename: file }) =>
    file === MODEL_FILE ? {} : `default_model_filename is '${file}'; accepted: '${MODEL_FILE}'`,
  version_policy: versionPolicy,
  max_batch_size: maxBatchSize,
  dynamic_batching: ({ maxBatchSize: asked, schedulingChoice }, { registered }) =>
    schedulingChoice.case === "dynamicBatching"
      ? dynamicBatching(schedulingChoice.value, asked || registered.maxBatchSize)
      : {},
  instance_group: instanceGroup,
  parameters: readParameters,
  // Instances answer an example before they serve; what one is, is said with the files of a model.
  model_warmup: () => ({}),
};
const MODEL_FILE = "model.onnx";

/** A config, or one sentence on why it is none. */
export type ConfigRead =
  | { readonly ok: true; readonly config: ModelConfig }
  | { readonly ok: false; readonly fault: string };

/** Reads ModelConfig in JSON, as Triton has it, without a look at what it says. Pure. */
export function readConfig(text: string): ConfigRead {
  if (text.length > CONFIG_CHARS_MAX)
    return fault(`config has ${text.length} characters, at most ${CONFIG_CHARS_MAX} are read`);
  try {
    return { ok: true, config: fromJsonString(ModelConfigSchema, text) };
  } catch (cause) {
    return fault(`config is no ModelConfig in JSON: ${String(cause)}`);
  }
}

/** Reads the `config` of a load: what is to hold otherwise than registered. Pure. */
export function readLoadConfig(text: string, facts: LoadFacts): LoadConfigRead {
  const read = readConfig(text);
  if (!read.ok) return read;
  const { config } = read;
  let override: Override = {};
  for (const field of Object.keys(jsonOf(config))) {
    const reader = readers[field];
    if (reader === undefined) {
      const accepted = Object.keys(readers).join(", ");
      return fault(`config sets ${field}, which has no meaning here; accepted are ${accepted}`);
    }
    const told = reader(config, facts);
    if (typeof told === "string") return fault(`config: ${told}`);
    override = { ...override, ...told };
  }
  return { ok: true, override: Object.keys(override).length === 0 ? null : override };
}

function fault(sentence: string): { readonly ok: false; readonly fault: string } {
  return { ok: false, fault: sentence };
}

function jsonOf(config: ModelConfig): JsonObject {
  return toJson(ModelConfigSchema, config, { useProtoFieldName: true }) as JsonObject;
}

/** A field that may only say again what was measured. */
function asRegistered(field: string): Reader {
  return (config, { registered }) => {
    const asked = JSON.stringify(jsonOf(config)[field] ?? null);
    const kept = JSON.stringify(jsonOf(registered)[field] ?? null);
    return asked === kept
      ? {}
      : `${field} is ${asked}, registered and measured is ${kept}; register a model anew to change it`;
  };
}

function versionPolicy({ versionPolicy: policy }: ModelConfig, { version }: LoadFacts): Override | string {
  const choice = policy?.policyChoice;
  if (choice?.case === "latest" && choice.value.numVersions <= 1) return {};
  if (choice?.case === "all" && version === 1) return {};
  if (choice?.case === "specific" && choice.value.versions.join() === String(version)) return {};
  return `version_policy is '${choice?.case ?? "none"}'; accepted: latest with num_versions 1, or specific with version ${version}, the only one served`;
}

function maxBatchSize({ maxBatchSize: asked }: ModelConfig, { registered }: LoadFacts): Override | string {
  const most = registered.maxBatchSize;
  if (asked === most) return {};
  if (asked >= 1 && asked < most) return { maxBatch: asked };
  const accepted =
    most === 0 ? "0, its requests are computed as they are" : `1 to ${most}, what was measured`;
  return `max_batch_size is ${asked}; accepted: ${accepted}`;
}

function instanceGroup({ instanceGroup: groups }: ModelConfig, facts: LoadFacts): Override | string {
  const [group, ...more] = groups;
  if (group === undefined || more.length > 0)
    return `instance_group has ${groups.length} groups; accepted: one, for the threads of one process run them all`;
  const extra = fieldsBeside(ModelInstanceGroupSchema, group, ["name", "kind", "count"]);
  if (extra.length > 0) return `instance_group sets ${extra.join(", ")}; accepted are count and kind`;
  if (group.kind !== ModelInstanceGroup_Kind.AUTO && group.kind !== ModelInstanceGroup_Kind.CPU)
    return `instance_group has kind ${ModelInstanceGroup_Kind[group.kind]}; accepted: CPU or AUTO, executors have no other device`;
  const { count } = group;
  if (count === 0 || facts.concurrencies.every((has) => has === count)) return {};
  const most = Math.max(facts.concurrencyMax, ...facts.concurrencies);
  if (count >= 1 && count <= most) return { concurrency: count };
  return `instance_group has count ${count}; accepted: 1 to ${most}, for which an executor has cores`;
}

/**
 * Parameters that a backend would read are the variant's own; others are kept for whoever asks for the
 * config.
 */
function readParameters({ parameters: asked }: ModelConfig, facts: LoadFacts): Override | string {
  const { registered } = facts;
  const kept: Record<string, string> = {};
  const axisLimits: Record<string, bigint> = {};
  for (const name of Object.keys(asked).sort()) {
    const value = asked[name]?.stringValue ?? "";
    const has = registered.parameters[name]?.stringValue;
    if (has === value) continue;
    if (has !== undefined) return `parameters sets ${name}, which says what registration found: '${has}'`;
    if (name.startsWith(AXIS_LIMIT)) {
      const fault = axisLimitFault(name.slice(AXIS_LIMIT.length), value, facts);
      if (fault !== null) return `parameters sets ${name}${fault}`;
      axisLimits[name.slice(AXIS_LIMIT.length)] = BigInt(value);
      continue;
    }
    if (ENGINE_PARAMETER.test(name))
      return `parameters sets ${name}, which would change what was measured; load a variant that has it, or register the model anew`;
    kept[name] = value;
  }
  if (coreWeightOf({ parameters: kept }) === null)
    return `parameters sets ${CORE_WEIGHT_PARAMETER} to '${kept[CORE_WEIGHT_PARAMETER]}'; accepted: ${CORE_WEIGHT_MIN} to ${CORE_WEIGHT_MAX}`;
  return {
    ...(Object.keys(kept).length === 0 ? {} : { parameters: kept }),
    ...(Object.keys(axisLimits).length === 0 ? {} : { axisLimits }),
  };
}

/** Why a free axis cannot be limited so. */
function axisLimitFault(axis: string, value: string, { axisLimits }: LoadFacts): string | null {
  const limit = axisLimits.find((known) => axisNames(known).includes(axis));
  if (limit === undefined) {
    const free = axisLimits.map(({ name }) => name).join(", ") || "none";
    return `, but '${axis}' is no free axis that was measured; free are: ${free}`;
  }
  const least = limit.measured + 1n;
  if (/^\d{1,18}$/.test(value) && BigInt(value) >= least) return null;
  return ` to '${value}'; accepted: whole numbers from ${least}, above what was measured`;
}

/** Before the name of a free axis, a parameter that says how large it may be. */
const AXIS_LIMIT = "axis_limit.";

/** What Triton's ONNX Runtime backend reads of them. */
const ENGINE_PARAMETER =
  /^(intra_op_|inter_op_|execution_mode$|optimization\.|enable_mem_|memory\.|arena_|gpu_mem_|cudnn_|do_copy_|use_device_|session\.|default_max_batch_size$)/;
