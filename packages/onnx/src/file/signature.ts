import { type DataType, datatypeOfElements, type ValueInfoProto } from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";
import type { OnnxModel } from "./model-file";

/** Inputs of one request, as frontends and native links take them: a model of more could be asked by nobody. */
const INPUTS_MAX = 1_024;

/** One input or output of a model; `shape` has -1 for a free axis. */
export interface TensorSignature {
  readonly name: string;
  readonly datatype: DataType;
  readonly shape: readonly number[];
  /** Name of each free axis, empty where it has none or is not free; absent = none has. Equal names are equal sizes. */
  readonly symbols?: readonly string[];
  /** It does not say how many axes it has; `shape` of an input is empty then, that of an output what was answered. */
  readonly anyRank?: true;
}

/** One output as an engine tells it; -1 among `dims` is a free axis. */
export interface ToldOutput {
  readonly name: string;
  readonly datatype: string;
  readonly dims: readonly number[];
  /** It does not say how many axes it has; `dims` is empty then. */
  readonly anyRank?: true;
}

/** Inputs and outputs of a model, in the file's order. */
export interface Signature {
  readonly inputs: readonly TensorSignature[];
  readonly outputs: readonly TensorSignature[];
}

/** Whether every input has a free first axis, so that rows could share a batch; if not, which one does not. */
export type BatchAxis = { readonly present: true } | { readonly present: false; readonly reason: string };

/**
 * Inputs that a request must have; initializers that are listed as inputs have a default (optional inputs).
 * @throws ServiceError INVALID_ARGUMENT for an input without element type, or more inputs than a request may have.
 */
export function readInputs({ graph }: OnnxModel): TensorSignature[] {
  const constants = new Set(graph.initializer.map(({ name }) => name));
  const inputs = graph.input.filter(({ name }) => !constants.has(name));
  if (inputs.length > INPUTS_MAX) {
    const message = `model has ${inputs.length} inputs, a request may have ${INPUTS_MAX}`;
    throw new ServiceError(Code.INVALID_ARGUMENT, message);
  }
  return inputs.map((info) => tensorOf(info, "input"));
}

/** Inputs that a request may leave out: initializers that are listed as inputs too. */
export function readOptionalInputs({ graph }: OnnxModel): TensorSignature[] {
  const constants = new Set(graph.initializer.map(({ name }) => name));
  return graph.input.filter(({ name }) => constants.has(name)).map((info) => tensorOf(info, "input"));
}

/**
 * Inputs and outputs of a model as the file declares them.
 * @throws ServiceError INVALID_ARGUMENT for a tensor without element type.
 */
export function readSignature(model: OnnxModel): Signature {
  return { inputs: readInputs(model), outputs: model.graph.output.map((info) => tensorOf(info, "output")) };
}

/**
 * Outputs as the engine tells them, corrected by what one row was answered with: a file may declare anything. An axis
 * that came out in another size than declared is free; where the number of axes differs, all are. One answer tells how many
 * axes an output has, unless neither the output nor one of the inputs says how many it has itself.
 * @param answered Shape of each output.
 */
export function answeredSignature(
  outputs: readonly ToldOutput[],
  answered: readonly (readonly number[])[],
  inputs: readonly TensorSignature[],
): TensorSignature[] {
  const followsInput = inputs.some((input) => input.anyRank);
  return outputs.map(({ name, datatype, dims, anyRank }, index) => {
    const got = answered[index] ?? dims;
    const known = dims.length === got.length;
    const shape = got.map((size, axis) => (known && dims[axis] === size && size > 0 ? size : -1));
    const told = { name, datatype: datatype as DataType, shape };
    return anyRank && followsInput ? { ...told, anyRank } : told;
  });
}

/** A batch axis is a first axis that is free in every input. What outputs declare counts for nothing: they are run. */
export function findBatchAxis(inputs: readonly TensorSignature[]): BatchAxis {
  if (inputs.length === 0) return { present: false, reason: "it has no inputs" };
  const fixed = inputs.find(({ shape }) => shape[0] !== -1);
  return fixed ? { present: false, reason: fixedReason(fixed) } : { present: true };
}

function fixedReason({ name, shape, anyRank }: TensorSignature): string {
  if (anyRank) return `input ${name} does not say how many axes it has`;
  if (shape.length === 0) return `input ${name} is a scalar and has no batch axis`;
  const fixed = `input ${name} has a first axis fixed at ${shape[0]}`;
  const free = shape.indexOf(-1);
  // Rows are copied side by side: along another axis they would lie in pieces.
  if (free > 0) return `${fixed}; axis ${free} is free, but batches are made along first axes alone`;
  return `${fixed}; a batch axis is free`;
}

/**
 * Datatypes without a name in the Open Inference Protocol, by ONNX's number: what ONNX calls them, and a datatype of the
 * protocol that holds all their values.
 */
const unnamedDatatypes: ReadonlyMap<number, readonly [name: string, holder: DataType]> = new Map([
  [17, ["FLOAT8E4M3FN", "FP32"]],
  [18, ["FLOAT8E4M3FNUZ", "FP32"]],
  [19, ["FLOAT8E5M2", "FP32"]],
  [20, ["FLOAT8E5M2FNUZ", "FP32"]],
  [21, ["UINT4", "UINT8"]],
  [22, ["INT4", "INT8"]],
  [23, ["FLOAT4E2M1", "FP32"]],
  [24, ["FLOAT8E8M0", "FP32"]],
  [25, ["UINT2", "UINT8"]],
  [26, ["INT2", "INT8"]],
]);

/**
 * Checks that no output is declared with a datatype that the protocol has no name for; anything else that is declared of
 * outputs counts for nothing.
 * @throws ServiceError INVALID_ARGUMENT that says how the model can be served nevertheless.
 */
export function expectNamedOutputs({ graph }: OnnxModel): void {
  for (const { name = "", type } of graph.output)
    if (unnamedDatatypes.has(type?.tensorType?.elemType ?? 0))
      throw unservedTensor(name, "output", type?.tensorType?.elemType);
}

function unservedTensor(name: string, kind: "input" | "output", elemType: number | undefined): ServiceError {
  return new ServiceError(Code.INVALID_ARGUMENT, `${kind} ${name} ${whyUnserved(name, elemType)}`);
}

function whyUnserved(name: string, elemType: number | undefined): string {
  if (elemType === undefined) return "is a sequence, a map or an optional; requests hold tensors";
  const [called, holder] = unnamedDatatypes.get(elemType) ?? [];
  return called === undefined
    ? `has element type ${elemType}; tensors of a known type are served`
    : `is ${called}, which the Open Inference Protocol has no name for; a task that states ${holder} for it takes the model with a cast: infaas register --map ${name}=${name}@cast`;
}

function tensorOf({ name = "", type }: ValueInfoProto, kind: "input" | "output"): TensorSignature {
  const tensor = type?.tensorType;
  const datatype = datatypeOfElements(tensor?.elemType ?? 0);
  if (!tensor || !datatype) throw unservedTensor(name, kind, tensor?.elemType);
  if (!tensor.shape) return { name, datatype, shape: [], anyRank: true };
  const shape = tensor.shape.dim.map(({ value }) =>
    value.case === "dimValue" && value.value >= 0n ? Number(value.value) : -1,
  );
  const symbols = tensor.shape.dim.map(({ value }) => (value.case === "dimParam" ? value.value : ""));
  return symbols.some((symbol) => symbol !== "")
    ? { name, datatype, shape, symbols }
    : { name, datatype, shape };
}
