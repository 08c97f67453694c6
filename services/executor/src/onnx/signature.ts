import type { DataType, ValueInfoProto } from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";
import type { OnnxModel } from "./model-file";

/** Open Inference Protocol names of ONNX's element type numbers. */
const DATATYPES: Readonly<Record<number, DataType>> = {
  1: "FP32",
  2: "UINT8",
  3: "INT8",
  4: "UINT16",
  5: "INT16",
  6: "INT32",
  7: "INT64",
  8: "BYTES",
  9: "BOOL",
  10: "FP16",
  11: "FP64",
  12: "UINT32",
  13: "UINT64",
  16: "BF16",
};

/** One input or output of a model; `shape` has -1 for a free axis. */
export interface TensorSignature {
  readonly name: string;
  readonly datatype: DataType;
  readonly shape: readonly number[];
}

/** What goes into a model and what comes out, in the file's order. */
export interface Signature {
  readonly inputs: readonly TensorSignature[];
  readonly outputs: readonly TensorSignature[];
}

/** Whether every tensor has a free first axis, so that rows could share a batch; if not, which one does not. */
export type BatchAxis = { readonly present: true } | { readonly present: false; readonly reason: string };

/**
 * Inputs (initializers that are listed as inputs are constants, not inputs) and outputs of a model.
 * @throws ServiceError INVALID_ARGUMENT for a tensor without element type or shape, or a model without input or output.
 */
export function readSignature({ graph }: OnnxModel): Signature {
  const constants = new Set(graph.initializer.map(({ name }) => name));
  const inputs = graph.input
    .filter(({ name }) => !constants.has(name))
    .map((info) => tensorOf(info, "input"));
  const outputs = graph.output.map((info) => tensorOf(info, "output"));
  if (inputs.length === 0 || outputs.length === 0) {
    throw new ServiceError(
      Code.INVALID_ARGUMENT,
      `model has ${inputs.length} inputs and ${outputs.length} outputs; at least one of each is needed`,
    );
  }
  return { inputs, outputs };
}

/** A batch axis is a first axis that is free in every input and every output. */
export function findBatchAxis({ inputs, outputs }: Signature): BatchAxis {
  for (const [kind, tensors] of [["input", inputs] as const, ["output", outputs] as const]) {
    const fixed = tensors.find(({ shape }) => shape[0] !== -1);
    if (fixed) return { present: false, reason: fixedReason(kind, fixed) };
  }
  return { present: true };
}

function fixedReason(kind: string, { name, shape }: TensorSignature): string {
  if (shape.length === 0) return `${kind} ${name} is a scalar and has no batch axis`;
  return `${kind} ${name} has a first axis fixed at ${shape[0]}; a batch axis is free`;
}

function tensorOf({ name = "", type }: ValueInfoProto, kind: "input" | "output"): TensorSignature {
  const tensor = type?.tensorType;
  const datatype = DATATYPES[tensor?.elemType ?? 0];
  if (!tensor || !datatype) {
    throw new ServiceError(
      Code.INVALID_ARGUMENT,
      `${kind} ${name} has element type ${tensor?.elemType ?? "none"}; tensors of a known type are served`,
    );
  }
  if (!tensor.shape) {
    throw new ServiceError(
      Code.INVALID_ARGUMENT,
      `${kind} ${name} has no shape; its number of axes must be stated`,
    );
  }
  const shape = tensor.shape.dim.map(({ value }) =>
    value.case === "dimValue" && value.value >= 0n ? Number(value.value) : -1,
  );
  return { name, datatype, shape };
}
