import { create } from "@bufbuild/protobuf";
import {
  type Architecture,
  datatypeBytes,
  elementCount,
  encodeTyped,
  isDataType,
  ModelInferRequestSchema,
  ModelInferResponseSchema,
  readNumbers,
  type TensorShape,
  TensorShapeSchema,
} from "@infaas/api";
import { decodeMessage, ServiceError } from "@infaas/runtime";

/** A query and its answer that every instance must repeat; tensors are raw, in the architecture's order. */
export interface GoldenQuery {
  readonly inputs: Uint8Array[];
  readonly shapes: TensorShape[];
  readonly outputs: Uint8Array[];
  /** The largest finite number of its answer, as an amount. */
  readonly magnitude: number;
}

/**
 * Reads a golden query from ModelInferRequest bytes and the tensors of its answer. Null for one that is no whole example:
 * with tensors in shared memory, with some of the outputs alone, or with a value in place of a default.
 */
export function goldenQuery(
  request: Uint8Array,
  answer: Uint8Array,
  { inputs, outputs }: Pick<Architecture, "inputs" | "outputs">,
): GoldenQuery | null {
  const asked = decodeMessage(ModelInferRequestSchema, request);
  const told = decodeMessage(ModelInferResponseSchema, answer);
  if (asked instanceof ServiceError || told instanceof ServiceError) return null;
  const sent = wholeTensors(asked.inputs, asked.rawInputContents);
  const got = wholeTensors(told.outputs, told.rawOutputContents);
  const required = inputs.filter(({ optional }) => !optional);
  if (sent === null || got === null || sent.size !== required.length) return null;
  const takenInputs = required.flatMap(({ name }) => sent.get(name) ?? []);
  const takenOutputs = outputs.flatMap(({ name }) => got.get(name) ?? []);
  if (takenInputs.length < required.length || takenOutputs.length < outputs.length) return null;
  return {
    inputs: takenInputs.map(({ bytes }) => bytes),
    shapes: takenInputs.map(({ shape }) => create(TensorShapeSchema, { dims: shape })),
    outputs: takenOutputs.map(({ bytes }) => bytes),
    magnitude: Math.max(0, ...takenOutputs.map(magnitudeOf)),
  };
}

interface Tensor {
  readonly datatype: string;
  readonly shape: bigint[];
  readonly bytes: Uint8Array;
}

interface DescribedTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: bigint[];
  readonly contents?: Parameters<typeof encodeTyped>[1] | undefined;
}

/** Tensors by name; null unless each has all its bytes here. */
function wholeTensors(
  tensors: readonly DescribedTensor[],
  raw: readonly Uint8Array[],
): ReadonlyMap<string, Tensor> | null {
  const whole = new Map<string, Tensor>();
  for (const [index, { name, datatype, shape, contents }] of tensors.entries()) {
    const bytes = raw.length > 0 ? raw[index] : typedBytes(datatype, contents);
    if (bytes === undefined || !hasAll(datatype, shape, bytes)) return null;
    whole.set(name, { datatype, shape, bytes: Uint8Array.from(bytes) });
  }
  return whole;
}

function typedBytes(datatype: string, contents: DescribedTensor["contents"]): Uint8Array | undefined {
  const encoded = contents === undefined ? undefined : encodeTyped(datatype, contents);
  return encoded?.ok ? encoded.value : undefined;
}

function hasAll(datatype: string, shape: readonly bigint[], bytes: Uint8Array): boolean {
  const elementBytes = isDataType(datatype) ? datatypeBytes(datatype) : null;
  const count = elementCount(shape.map(Number));
  return elementBytes === null
    ? bytes.byteLength > 0 || count === 0
    : bytes.byteLength === count * elementBytes;
}

function magnitudeOf({ datatype, bytes }: Tensor): number {
  let largest = 0;
  for (const value of Array.from(readNumbers(datatype, bytes) ?? [], Number)) {
    const amount = Math.abs(value);
    if (Number.isFinite(amount) && amount > largest) largest = amount;
  }
  return largest;
}
