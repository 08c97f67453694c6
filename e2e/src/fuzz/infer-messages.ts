import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type InferParameterSchema, ModelInferRequestSchema, QueryRequestSchema } from "@infaas/api";
import type { Random } from "@infaas/runtime";
import type { FuzzedSystem } from "./fuzzed-system";
import { below, pick } from "./wire-mutator";

type Parameters = Record<string, MessageInitShape<typeof InferParameterSchema>>;

/**
 * Returns a request that has to be answered: these rows in one batch, for the variant whose answers are
 * checked.
 */
export function goodInfer(system: FuzzedSystem, rows: readonly number[], id: string): Buffer {
  const { variant, input } = system;
  const message = create(ModelInferRequestSchema, {
    modelName: variant,
    id,
    parameters: { priority: { parameterChoice: { case: "int64Param", value: 0n } } },
    inputs: [{ name: input.name, datatype: "FP32", shape: [rows.length, ...input.shape].map(BigInt) }],
    rawInputContents: [joined(system, rows)],
  });
  return Buffer.from(toBinary(ModelInferRequestSchema, message));
}

/** The same as a query of infaas.v1, explained or not. */
export function goodQuery(
  system: FuzzedSystem,
  rows: readonly number[],
  id: string,
  explain: boolean,
): Buffer {
  const { variant, input } = system;
  const message = create(QueryRequestSchema, {
    target: variant,
    id,
    explain,
    slo: {},
    inputs: [{ name: input.name, datatype: "FP32", shape: [rows.length, ...input.shape].map(BigInt) }],
    rawInputContents: [joined(system, rows)],
  });
  return Buffer.from(toBinary(QueryRequestSchema, message));
}

/**
 * A request that is well-formed and means something odd: parameters, shapes, types, outputs and versions of
 * any kind.
 */
export function oddInfer(system: FuzzedSystem, random: Random): Buffer {
  const { input, names, rows } = system;
  const count = pick([1, 1, 1, 2, 7, 33], random);
  const raw = joined(
    system,
    Array.from({ length: count }, () => below(random, rows.length)),
  );
  const odd = <T>(usual: T, others: readonly T[]) => (random.next() < 0.8 ? usual : pick(others, random));
  const message = create(ModelInferRequestSchema, {
    modelName: odd(system.variant, names),
    modelVersion: odd("", ["1", "2", "-1", "0x1", "1.0", "99999999999999999999"]),
    id: odd("odd", ["", "\u0000", "i".repeat(3_000), "\u00fc\u20ac"]),
    parameters: oddParameters(system, random),
    inputs: Array.from({ length: odd(1, [0, 2, 9]) }, () => ({
      name: odd(input.name, ["", "image ", "\ud83d\ude00", "x".repeat(3_000)]),
      datatype: odd("FP32", ["", "INT64", "BYTES", "fp32", "BF16", "BOOL", "STRING"]),
      shape: odd([count, ...input.shape], oddShapes).map(BigInt),
      parameters: random.next() < 0.1 ? oddParameters(system, random) : {},
      ...(random.next() < 0.1 ? { contents: { fp32Contents: Array(below(random, 200)).fill(0.5) } } : {}),
    })),
    outputs: random.next() < 0.8 ? [] : oddOutputs(system, random),
    rawInputContents: odd(
      [raw],
      [[], [raw, raw], [raw.subarray(1)], [Buffer.concat([raw, raw])], [Buffer.alloc(0)]],
    ),
  });
  return Buffer.from(toBinary(ModelInferRequestSchema, message));
}

const wide = 2 ** 53 - 1;
const oddShapes: readonly (readonly number[])[] = [
  [],
  [0],
  [64],
  [1, 64],
  [-1, 1, 8, 8],
  [0, 1, 8, 8],
  [wide, 1, 8, 8],
  [2 ** 31, 2 ** 31, 2 ** 31, 2 ** 31],
  [2 ** 32, 1, 8, 8],
  [wide, wide],
  Array(40).fill(1),
];

const parameterNames = [
  ...["slo_latency_ms", "slo_min_accuracy", "slo_max_cost", "objective", "no_downgrade", "explain"],
  ...["priority", "timeout", "sequence_id", "sequence_start", "triton_enable_empty_final_response"],
  ...["shared_memory_region", "shared_memory_byte_size", "shared_memory_offset", "classification"],
  ...["binary_data", "binary_data_size", "headers", "__proto__", "constructor", "", "unknown"],
];

function oddParameters(system: FuzzedSystem, random: Random): Parameters {
  const parameters: Parameters = {};
  for (let i = below(random, 4); i > 0; i--) {
    const name = pick(parameterNames, random);
    // An own property whatever its name is, as a decoder makes it.
    Object.defineProperty(parameters, name, {
      value: { parameterChoice: oddValue(system, random) },
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return parameters;
}

function oddValue(
  { names }: FuzzedSystem,
  random: Random,
): NonNullable<Parameters[string]["parameterChoice"]> {
  switch (below(random, 5)) {
    case 0:
      return { case: "boolParam", value: random.next() < 0.5 };
    case 1:
      return {
        case: "int64Param",
        value: pick([0n, 1n, -1n, 64n, 2n ** 31n, 2n ** 53n, 2n ** 63n - 1n], random),
      };
    case 2:
      return {
        case: "stringParam",
        value: pick([...names, "min-cost", "true", "1e400", "NaN", "0.5"], random),
      };
    case 3:
      return { case: "doubleParam", value: pick([0, -0, 0.5, 1e-300, 1e300, Number.NaN, Infinity], random) };
    default:
      return { case: "uint64Param", value: pick([0n, 1n, 2n ** 64n - 1n], random) };
  }
}

function oddOutputs(system: FuzzedSystem, random: Random) {
  return Array.from({ length: below(random, 4) }, () => ({
    name: pick(["logits", "logits", "", "no-such", system.input.name], random),
    parameters: oddParameters(system, random),
  }));
}

function joined({ rows }: FuzzedSystem, chosen: readonly number[]): Buffer {
  return Buffer.concat(chosen.map((row) => rows[row]!));
}
