import {
  type DescMessage,
  type JsonObject,
  type MessageInitShape,
  type MessageShape,
  toJson,
} from "@bufbuild/protobuf";
import {
  type LoadOverrideSchema,
  type ModelDynamicBatching,
  ModelDynamicBatchingSchema,
  type ModelQueuePolicy,
  ModelQueuePolicy_TimeoutAction,
  ModelQueuePolicySchema,
} from "@infaas/api";
import { DEFAULT_PRIORITY, LANE_COUNT } from "@infaas/policy";

/** Fields of a ModelConfig that differ from what was registered. */
export type Override = MessageInitShape<typeof LoadOverrideSchema>;

/** Longest queue delay that a config may ask for. */
export const QUEUE_DELAY_MAX_MS = 60_000;
/** Longest queue timeout that means anything: a day. */
const QUEUE_TIMEOUT_MAX_MS = 86_400_000;

const known = [
  "preferred_batch_size",
  "max_queue_delay_microseconds",
  "priority_levels",
  "default_priority_level",
  "default_queue_policy",
];

/**
 * What `dynamic_batching` of a config adds to an override, or why it cannot be as asked. Numbers of 0 say
 * nothing.
 */
export function dynamicBatching(batching: ModelDynamicBatching, maxBatch: number): Override | string {
  const extra = fieldsBeside(ModelDynamicBatchingSchema, batching, known);
  if (extra.length > 0) return `dynamic_batching sets ${extra.join(", ")}; accepted are ${known.join(", ")}`;
  if (maxBatch === 0) return "dynamic_batching is given; this model's requests are computed as they are";
  const parts = [
    preferredBatches(batching, maxBatch),
    queueDelay(batching),
    priorities(batching),
    queuePolicy(batching.defaultQueuePolicy),
  ];
  const fault = parts.find((part) => typeof part === "string");
  if (fault !== undefined) return `dynamic_batching.${fault}`;
  return Object.assign({}, ...parts);
}

/** Names of the fields that a message sets besides these. */
export function fieldsBeside<D extends DescMessage>(
  schema: D,
  message: MessageShape<D>,
  names: readonly string[],
): string[] {
  const json = toJson(schema, message, { useProtoFieldName: true }) as JsonObject;
  return Object.keys(json).filter((name) => !names.includes(name));
}

function preferredBatches({ preferredBatchSize: sizes }: ModelDynamicBatching, maxBatch: number) {
  if (sizes.length === 0) return {};
  const wrong = sizes.find((size) => size < 1 || size > maxBatch);
  if (wrong !== undefined)
    return `preferred_batch_size has ${wrong}; accepted: 1 to ${maxBatch}, max_batch_size`;
  return { preferredBatches: [...new Set(sizes)].sort((a, b) => a - b) };
}

function queueDelay({ maxQueueDelayMicroseconds }: ModelDynamicBatching) {
  const delayMs = Number(maxQueueDelayMicroseconds) / 1000;
  if (delayMs === 0) return {};
  if (delayMs <= QUEUE_DELAY_MAX_MS) return { queueDelayMaxMs: delayMs };
  return `max_queue_delay_microseconds is ${maxQueueDelayMicroseconds}; accepted: up to ${QUEUE_DELAY_MAX_MS * 1000}`;
}

function priorities({ priorityLevels, defaultPriorityLevel }: ModelDynamicBatching) {
  const levels = priorityLevels === 0n ? LANE_COUNT : Number(priorityLevels);
  if (levels > LANE_COUNT)
    return `priority_levels is ${levels}; accepted: 1 to ${LANE_COUNT}, the lanes of a queue`;
  const level = Number(defaultPriorityLevel) || Math.min(DEFAULT_PRIORITY, levels);
  if (level > levels) return `default_priority_level is ${level}; accepted: 1 to ${levels}, priority_levels`;
  if (levels === LANE_COUNT && level === DEFAULT_PRIORITY) return {};
  return { priorityLevels: levels, defaultPriority: level };
}

function queuePolicy(policy: ModelQueuePolicy | undefined) {
  if (policy === undefined) return {};
  const { timeoutAction, defaultTimeoutMicroseconds, allowTimeoutOverride } = policy;
  const extra = fieldsBeside(ModelQueuePolicySchema, policy, [
    "timeout_action",
    "default_timeout_microseconds",
    "allow_timeout_override",
  ]);
  if (extra.length > 0)
    return `default_queue_policy sets ${extra.join(", ")}; queues are bounded in rows and bytes by the executor's options`;
  if (timeoutAction !== ModelQueuePolicy_TimeoutAction.REJECT)
    return "default_queue_policy has timeout_action DELAY; accepted: REJECT, what is too late is not computed";
  const timeoutMs = Number(defaultTimeoutMicroseconds) / 1000;
  if (timeoutMs === 0) return {};
  if (timeoutMs > QUEUE_TIMEOUT_MAX_MS)
    return `default_queue_policy has default_timeout_microseconds ${defaultTimeoutMicroseconds}; accepted: up to ${QUEUE_TIMEOUT_MAX_MS * 1000}`;
  return { queueTimeoutMs: timeoutMs, queueTimeoutOverridable: allowTimeoutOverride };
}
