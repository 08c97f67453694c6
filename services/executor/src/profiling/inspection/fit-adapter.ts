import { create } from "@bufbuild/protobuf";
import { adaptedDims } from "@infaas/adapters";
import {
  type Adapter,
  AdapterSchema,
  type Architecture,
  adapterFault,
  type Task,
  type TensorSpec,
} from "@infaas/api";
import { type AxisSizes, axisKey, type TensorSignature } from "@infaas/onnx";
import { Code, ServiceError } from "@infaas/runtime";

/**
 * Returns the adapter that is stated for a model of these inputs, or undefined.
 * @throws ServiceError INVALID_ARGUMENT when it does not make what the model takes.
 */
export function statedAdapter({ adapter }: Architecture, inputs: readonly TensorSpec[]): Adapter | undefined {
  const fault = adapter === undefined ? null : adapterFault(adapter, inputs);
  if (fault === null) return adapter;
  throw new ServiceError(Code.INVALID_ARGUMENT, `the adapter does not fit the model: ${fault}`);
}

/** Returns the adapter that a task has for models without one of their own; undefined where it makes no such tensor. */
export function taskAdapter({ image, text }: Task, inputs: readonly TensorSpec[]): Adapter | undefined {
  const kinds = [
    ...(image === undefined ? [] : [{ case: "image" as const, value: image }]),
    ...(text === undefined ? [] : [{ case: "text" as const, value: text }]),
  ];
  return kinds
    .map((kind) => create(AdapterSchema, { kind }))
    .find((adapter) => adapterFault(adapter, inputs) === null);
}

/** Sizes of the free axes of a model's one input, as its adapter makes it, by the axis's key. */
export function adaptedSizes(adapter: Adapter, [input]: readonly TensorSignature[]): AxisSizes {
  const dims = [1, ...adaptedDims(adapter)];
  if (input === undefined || input.shape.length !== dims.length) return new Map();
  const free = dims.flatMap((size, axis) =>
    axis > 0 && input.shape[axis] === -1 ? [[axisKey(input, axis), size] as const] : [],
  );
  return new Map(free);
}
