import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type AdapterInput,
  type Architecture,
  type AxisLimit,
  BatchingCertificate,
  ConfigDataType,
  type DataType,
  isDataType,
  type LoadOverride,
  type ModelConfig,
  ModelConfigSchema,
  type ModelDynamicBatchingSchema,
  ModelInstanceGroup_Kind,
  type ModelMetadataResponseSchema,
  type TensorSpec,
} from "@infaas/api";
import { DEFAULT_PRIORITY, LANE_COUNT } from "@infaas/policy";
import type { CatalogModel } from "../view/catalog";

/** Platform and backend of every variant, in the protocol's words. */
const PLATFORM = "onnxruntime_onnx";
/** Platform of a name that stands for several variants. */
const VIRTUAL_PLATFORM = "infaas";

const DATA_TYPES: Readonly<Record<DataType, ConfigDataType>> = {
  BOOL: ConfigDataType.TYPE_BOOL,
  UINT8: ConfigDataType.TYPE_UINT8,
  UINT16: ConfigDataType.TYPE_UINT16,
  UINT32: ConfigDataType.TYPE_UINT32,
  UINT64: ConfigDataType.TYPE_UINT64,
  INT8: ConfigDataType.TYPE_INT8,
  INT16: ConfigDataType.TYPE_INT16,
  INT32: ConfigDataType.TYPE_INT32,
  INT64: ConfigDataType.TYPE_INT64,
  FP16: ConfigDataType.TYPE_FP16,
  FP32: ConfigDataType.TYPE_FP32,
  FP64: ConfigDataType.TYPE_FP64,
  BYTES: ConfigDataType.TYPE_STRING,
  BF16: ConfigDataType.TYPE_BF16,
};

/** The protocol's name of a datatype of a config; null for TYPE_INVALID. */
export function datatypeName(type: ConfigDataType): DataType | null {
  return (
    Object.keys(DATA_TYPES)
      .filter(isDataType)
      .find((name) => DATA_TYPES[name] === type) ?? null
  );
}

/**
 * ModelMetadata of any name, shown under `name` as it was asked for; the batch axis, where there is one, is a leading -1.
 * Optional inputs have none.
 */
export function modelMetadata(
  name: string,
  model: CatalogModel,
): MessageInitShape<typeof ModelMetadataResponseSchema> {
  const { version, tensors } = model;
  const tensor = (spec: TensorSpec) => ({
    name: spec.name,
    datatype: spec.datatype,
    shape: model.batched && !spec.optional ? [-1n, ...spec.shape.slice(1)] : spec.shape,
  });
  return {
    name,
    versions: [version],
    platform: platformOf(model),
    inputs: tensors.inputs.map(tensor),
    outputs: tensors.outputs.map(tensor),
  };
}

/** ModelConfig of any name, shown under `name` as it was asked for; dims leave the batch axis out, as the protocol wants where max_batch_size > 0. */
export function modelConfig(name: string, model: CatalogModel): MessageInitShape<typeof ModelConfigSchema> {
  const { tensors, batched, maxBatch } = model;
  const dims = (spec: TensorSpec) => (batched && !spec.optional ? spec.shape.slice(1) : spec.shape);
  const type = ({ datatype }: TensorSpec) =>
    isDataType(datatype) ? DATA_TYPES[datatype] : ConfigDataType.TYPE_INVALID;
  return {
    name,
    platform: platformOf(model),
    backend: model.variants[0]?.engine ?? "",
    maxBatchSize: maxBatch,
    input: tensors.inputs.map((s) => ({
      name: s.name,
      dataType: type(s),
      dims: dims(s),
      optional: s.optional,
    })),
    output: tensors.outputs.map((s) => ({ name: s.name, dataType: type(s), dims: dims(s) })),
    versionPolicy: { policyChoice: { case: "latest", value: { numVersions: 1 } } },
    ...(batched
      ? { schedulingChoice: { case: "dynamicBatching", value: dynamicBatchingOf(model.loadOverride) } }
      : {}),
    ...(model.target.kind === "variant" ? { instanceGroup: instanceGroupsOf(model) } : {}),
    modelTransactionPolicy: { decoupled: false },
    parameters: { ...toldParameters(model), ...keptParameters(model.loadOverride) },
  };
}

/** How requests wait and share batches: as everywhere, and what the model was loaded with. */
function dynamicBatchingOf(
  override: LoadOverride | null,
): MessageInitShape<typeof ModelDynamicBatchingSchema> {
  const { priorityLevels = LANE_COUNT, defaultPriority = DEFAULT_PRIORITY } = override ?? {};
  const { queueDelayMaxMs, queueTimeoutMs, preferredBatches = [] } = override ?? {};
  return {
    priorityLevels: BigInt(priorityLevels),
    defaultPriorityLevel: BigInt(defaultPriority),
    preferredBatchSize: preferredBatches,
    ...(queueDelayMaxMs === undefined ? {} : { maxQueueDelayMicroseconds: microseconds(queueDelayMaxMs) }),
    ...(queueTimeoutMs === undefined
      ? {}
      : {
          defaultQueuePolicy: {
            defaultTimeoutMicroseconds: microseconds(queueTimeoutMs),
            allowTimeoutOverride: override?.queueTimeoutOverridable ?? false,
          },
        }),
  };
}

function microseconds(ms: number): bigint {
  return BigInt(Math.round(ms * 1000));
}

/** One group: the engine threads of an instance, which share its weights. */
function instanceGroupsOf({ name, variants: [variant] }: CatalogModel) {
  const count = variant?.concurrency ?? 0;
  return [{ name: `${name}_0`, kind: ModelInstanceGroup_Kind.CPU, count }];
}

function keptParameters(override: LoadOverride | null) {
  const entries = Object.entries(override?.parameters ?? {});
  return Object.fromEntries(entries.map(([name, stringValue]) => [name, { stringValue }]));
}

/**
 * What it takes in place of its tensors; on what ground requests of a model are batched, why they are not, what its owner overrode to have them batched, and what
 * was found in service after which they no longer are; which tensors may have any number of axes; how large free axes may be;
 * why nothing was measured.
 */
function toldParameters(model: CatalogModel) {
  const { architecture, tensors, variants, adapted, batchingEnded, axisLimits, unprofiledReason } = model;
  const { unbatchableReason = "", batchingNote = "" } = architecture ?? {};
  const anyRank = [...tensors.inputs, ...tensors.outputs].filter((spec) => spec.anyRank);
  const ended = variants.flatMap(({ name }) => {
    const reason = batchingEnded.get(name);
    return reason === undefined ? [] : [`${name}: ${reason}`];
  });
  const told = {
    unprofiled_reason: unprofiledReason ?? "",
    adapter: [...new Set(variants.flatMap(({ name }) => adapted.get(name) ?? []))].map(toldInput).join(", "),
    any_rank: anyRank.map(({ name }) => name).join(", "),
    batching: architecture === null ? "" : batchingGround(architecture),
    unbatchable_reason: unbatchableReason,
    batching_note: batchingNote,
    batching_ended: ended.join("; "),
    axis_limits: [...new Set(variants.map(({ name }) => toldLimits(axisLimits.get(name) ?? [])))].join("; "),
  };
  return Object.fromEntries(
    Object.entries(told).flatMap(([name, stringValue]) =>
      stringValue === "" ? [] : [[name, { stringValue }]],
    ),
  );
}

function toldInput(name: AdapterInput): string {
  return `${name} BYTES [-1]: ${name === "image" ? "JPEG, PNG or WebP" : "text in UTF-8"}`;
}

function toldLimits(limits: readonly AxisLimit[]): string {
  return limits
    .map(({ name, measured, max, stated }) =>
      stated ? `${name} up to ${max}, as stated` : `${name} up to ${max}, measured with ${measured}`,
    )
    .join(", ");
}

function batchingGround({ batchable, batchingCertificate }: Architecture): string {
  const recorded = batchable ? BatchingCertificate.PROBED : BatchingCertificate.ALONE;
  const certificate = batchingCertificate || recorded;
  return (BatchingCertificate[certificate] ?? "").toLowerCase();
}

/** The same as a message of its own. */
export function modelConfigMessage(name: string, model: CatalogModel): ModelConfig {
  return create(ModelConfigSchema, modelConfig(name, model));
}

function platformOf(model: CatalogModel): string {
  return model.target.kind === "variant" ? PLATFORM : VIRTUAL_PLATFORM;
}
