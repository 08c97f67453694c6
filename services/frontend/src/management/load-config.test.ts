import { create } from "@bufbuild/protobuf";
import { ArchitectureSchema, AxisLimitSchema } from "@infaas/api";
import type { CatalogModel } from "../view/catalog";
import { CONFIG_CHARS_MAX, type LoadFacts, readLoadConfig } from "./load-config";
import { modelConfigMessage } from "./model-config";

const architecture = create(ArchitectureSchema, {
  name: "mlp",
  inputs: [{ name: "pixels", datatype: "FP32", shape: [-1n, 4n] }],
  batchable: true,
  batchingNote: "its owner says so",
});
const model: CatalogModel = {
  name: "mlp",
  target: { kind: "architecture", name: "mlp" },
  version: "2",
  variants: [],
  architecture,
  tensors: architecture,
  requiredInputs: architecture.inputs,
  unprofiledReason: null,
  batched: true,
  maxBatch: 16,
  loadOverride: null,
  adapted: new Map(),
  batchingEnded: new Map(),
  axisLimits: new Map(),
};
const limitOf = (name: string, measured: bigint, max: bigint) =>
  create(AxisLimitSchema, { name, measured, max, places: [{ input: "ids", axis: 1 }] });
const factsOf = (of: CatalogModel): LoadFacts => ({
  registered: modelConfigMessage("mlp", of),
  names: ["mlp", "digits-mlp"],
  version: 2,
  concurrencies: [2],
  concurrencyMax: 4,
  axisLimits: [limitOf("length", 64n, 4096n)],
});
const facts = factsOf(model);
const read = (config: object, of = facts) => readLoadConfig(JSON.stringify(config), of);

describe("readLoadConfig", () => {
  it.each<[string, object]>([
    ["nothing", {}],
    ["another name of the model", { name: "digits-mlp" }],
    ["the platform", { platform: "infaas" }],
    ["the input", { input: [{ name: "pixels", data_type: "TYPE_FP32", dims: [4] }] }],
    ["the same batches", { max_batch_size: 16, dynamic_batching: {} }],
    [
      "no more than a decoupled transaction policy denies",
      { model_transaction_policy: { decoupled: false } },
    ],
    ["the versions that there are", { version_policy: { latest: { num_versions: 1 } } }],
    ["the version by number", { version_policy: { specific: { versions: [2] } } }],
    ["as many instances", { instance_group: [{ count: 2, kind: "KIND_CPU" }] }],
    ["what registration found", { parameters: { batching_note: { string_value: "its owner says so" } } }],
    ["the file's name", { default_model_filename: "model.onnx" }],
  ])("changes nothing for a config that says %s", (_what, config) => {
    expect(read(config)).toEqual({ ok: true, override: null });
  });

  it.each<[string, object, object]>([
    ["max_batch_size", { max_batch_size: 4 }, { maxBatch: 4 }],
    ["instance_group", { instance_group: [{ count: 4 }] }, { concurrency: 4 }],
    [
      "max_queue_delay_microseconds",
      { dynamic_batching: { max_queue_delay_microseconds: 1500 } },
      { queueDelayMaxMs: 1.5 },
    ],
    [
      "preferred_batch_size",
      { dynamic_batching: { preferred_batch_size: [8, 4, 8] } },
      { preferredBatches: [4, 8] },
    ],
    [
      "priorities",
      { dynamic_batching: { priority_levels: 2, default_priority_level: 1 } },
      { priorityLevels: 2, defaultPriority: 1 },
    ],
    [
      "a timeout",
      { dynamic_batching: { default_queue_policy: { default_timeout_microseconds: 20_000 } } },
      { queueTimeoutMs: 20, queueTimeoutOverridable: false },
    ],
    [
      "a timeout that requests may shorten",
      {
        dynamic_batching: {
          default_queue_policy: { default_timeout_microseconds: 20_000, allow_timeout_override: true },
        },
      },
      { queueTimeoutMs: 20, queueTimeoutOverridable: true },
    ],
    [
      "parameters, in order",
      { parameters: { z: { string_value: "1" }, a: { string_value: "2" } } },
      { parameters: { a: "2", z: "1" } },
    ],
    [
      "a limit of a free axis, by its name or its place",
      {
        parameters: {
          "axis_limit.length": { string_value: "65" },
          "axis_limit.ids.1": { string_value: "100000" },
        },
      },
      { axisLimits: { length: 65n, "ids.1": 100_000n } },
    ],
    [
      "a weight for the host's cores",
      { parameters: { core_weight: { string_value: "2.5" } } },
      { parameters: { core_weight: "2.5" } },
    ],
    [
      "fields in camel case",
      { maxBatchSize: 8, dynamicBatching: { maxQueueDelayMicroseconds: "2000" } },
      { maxBatch: 8, queueDelayMaxMs: 2 },
    ],
  ])("takes %s", (_what, config, override) => {
    expect(read(config)).toEqual({ ok: true, override });
  });

  it.each<[object, string]>([
    [{ name: "cats" }, "name is 'cats'; accepted: 'mlp' or 'digits-mlp'"],
    [{ backend: "pytorch" }, 'backend is "pytorch", registered and measured is null'],
    [
      { parameters: { "axis_limit.width": { string_value: "65" } } },
      "parameters sets axis_limit.width, but 'width' is no free axis that was measured; free are: length",
    ],
    [
      { parameters: { "axis_limit.length": { string_value: "64" } } },
      "parameters sets axis_limit.length to '64'; accepted: whole numbers from 65, above what was measured",
    ],
    [{ max_batch_size: 17 }, "max_batch_size is 17; accepted: 1 to 16"],
    [{ instance_group: [{ count: 5 }] }, "count 5; accepted: 1 to 4, for which an executor has cores"],
    [{ instance_group: [{ kind: "KIND_GPU" }] }, "kind GPU; accepted: CPU or AUTO"],
    [{ instance_group: [{ count: 1, gpus: [0] }] }, "instance_group sets gpus; accepted are count and kind"],
    [{ instance_group: [{ count: 1 }, { count: 1 }] }, "instance_group has 2 groups"],
    [{ version_policy: { latest: { num_versions: 2 } } }, "version 2, the only one served"],
    [{ version_policy: { all: {} } }, "version_policy is 'all'"],
    [{ version_policy: { specific: { versions: [1] } } }, "version_policy is 'specific'"],
    [{ dynamic_batching: { preferred_batch_size: [32] } }, "has 32; accepted: 1 to 16"],
    [{ max_batch_size: 4, dynamic_batching: { preferred_batch_size: [8] } }, "has 8; accepted: 1 to 4"],
    [{ dynamic_batching: { max_queue_delay_microseconds: 60_000_001 } }, "accepted: up to 60000000"],
    [{ dynamic_batching: { priority_levels: 4 } }, "priority_levels is 4; accepted: 1 to 3"],
    [{ dynamic_batching: { default_priority_level: 4 } }, "default_priority_level is 4; accepted: 1 to 3"],
    [{ dynamic_batching: { preserve_ordering: true } }, "dynamic_batching sets preserve_ordering"],
    [{ dynamic_batching: { priority_queue_policy: { 1: {} } } }, "sets priority_queue_policy"],
    [{ dynamic_batching: { default_queue_policy: { timeout_action: "DELAY" } } }, "accepted: REJECT"],
    [{ dynamic_batching: { default_queue_policy: { max_queue_size: 4 } } }, "sets max_queue_size"],
    [{ parameters: { batching_note: { string_value: "mine" } } }, "says what registration found"],
    [{ parameters: { intra_op_thread_count: { string_value: "4" } } }, "would change what was measured"],
    [{ parameters: { core_weight: { string_value: "0" } } }, "core_weight to '0'; accepted: 0.01 to 100"],
    [{ parameters: { core_weight: { string_value: "" } } }, "core_weight to ''; accepted: 0.01 to 100"],
    [
      { sequence_batching: {} },
      "config sets sequence_batching, which has no meaning here; accepted are name,",
    ],
    [{ optimization: { priority: "PRIORITY_MAX" } }, "config sets optimization"],
    [{ model_transaction_policy: { decoupled: true } }, "model_transaction_policy is"],
    [{ default_model_filename: "net.pt" }, "accepted: 'model.onnx'"],
    [{ mood: 4 }, "config is no ModelConfig in JSON"],
  ])("refuses %j by name, with what is accepted", (config, sentence) => {
    const refused = read(config);
    expect(refused.ok).toBe(false);
    expect(refused.ok ? "" : refused.fault).toContain(sentence);
  });

  it("takes back what ModelConfig shows", () => {
    const shown = { ...model, loadOverride: null };
    const config = JSON.parse(JSON.stringify({ version_policy: { latest: { num_versions: 1 } } }));
    const dynamic = { priority_levels: "3", default_priority_level: "2" };
    expect(read({ ...config, dynamic_batching: dynamic }, factsOf(shown))).toEqual({
      ok: true,
      override: null,
    });
  });

  it("refuses batches of a model whose requests are computed as they are", () => {
    const alone = factsOf({ ...model, batched: false, maxBatch: 0 });
    expect(read({ dynamic_batching: {} }, alone)).toMatchObject({
      fault: expect.stringContaining("computed as they are"),
    });
    expect(read({ max_batch_size: 2 }, alone)).toMatchObject({
      fault: expect.stringContaining("accepted: 0"),
    });
  });

  it("reads no more than so many characters", () => {
    const fault = expect.stringContaining(`at most ${CONFIG_CHARS_MAX} are read`);
    expect(readLoadConfig(" ".repeat(CONFIG_CHARS_MAX + 1), facts)).toMatchObject({ fault });
  });
});
