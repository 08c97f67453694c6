import { equals } from "@bufbuild/protobuf";
import {
  type Architecture,
  type Task,
  type TaskSignature,
  type TensorMapping,
  TensorMappingSchema,
  type TensorSpec,
} from "../gen/infaas/v1/types_pb";

/** Tensors that a model takes and gives. */
export type TensorSpecs = Pick<TaskSignature, "inputs" | "outputs">;

/** Tensors of a model, and what makes them of pictures or texts. */
export type OfferedTensors = TensorSpecs & Pick<Architecture, "adapter">;

type SpecOf = Pick<TensorSpec, "name" | "datatype" | "shape" | "optional" | "anyRank">;

/**
 * Why an architecture may not answer for its task, both signatures side by side; null when it may. It takes every input
 * of the task that may not be left out, needs no other, and gives every output of the task. A free axis fits any size: an
 * architecture may take some sizes only of an axis that the task leaves free. One with an adapter may have inputs of its own:
 * it answers pictures or texts then, and tensors of its own terms (decision 0058).
 */
export function signatureFault({ name, signature }: Task, offered: OfferedTensors): string | null {
  if (signature === undefined) return null;
  const faults = [
    ...(offered.adapter === undefined ? inputFaults(signature.inputs, offered.inputs) : []),
    ...signature.outputs.flatMap((spec) => specFaults("output", spec, offered.outputs)),
  ];
  if (faults.length === 0) return null;
  const both = `task '${name}' has ${signatureText(signature)}; the model has ${signatureText(offered)}`;
  return `the model does not fit its task: ${faults.slice(0, FAULTS_NAMED_MAX).join(", ")}. ${both}`;
}

function inputFaults(wanted: readonly SpecOf[], offered: readonly SpecOf[]): string[] {
  return [
    ...wanted.flatMap((spec) => specFaults("input", spec, offered)),
    ...unknownNames(offered, wanted).map((extra) => `input '${extra}' is not the task's`),
    ...neededNames(offered, wanted).map((name) => `input '${name}' can't be left out`),
  ];
}

/** Whether a file is fitted to its task in the same way by both. */
export function sameMapping(a: readonly TensorMapping[], b: readonly TensorMapping[]): boolean {
  return a.length === b.length && a.every((one, index) => equals(TensorMappingSchema, one, b[index]!));
}

/** Faults named in a refusal. */
const FAULTS_NAMED_MAX = 8;
/** Tensors of one side named in a refusal. */
const TENSORS_NAMED_MAX = 16;

/** A signature on one line: `image FP32 [-1, 64] -> scores FP32 [-1, 10]`. */
export function signatureText({ inputs, outputs }: TensorSpecs): string {
  return `${tensorsText(inputs)} -> ${tensorsText(outputs)}`;
}

/** Whether a tensor of such a shape is one of this specification. */
export function shapeFits(
  { shape: allowed, anyRank }: Pick<TensorSpec, "shape" | "anyRank">,
  shape: readonly number[],
): boolean {
  if (anyRank) return true;
  if (allowed.length !== shape.length) return false;
  return allowed.every((size, axis) => size < 0n || Number(size) === shape[axis]);
}

function specFaults(kind: string, wanted: SpecOf, offered: readonly SpecOf[]): string[] {
  const found = offered.find(({ name }) => name === wanted.name);
  if (found === undefined) return wanted.optional ? [] : [`${kind} '${wanted.name}' is missing`];
  const faults: string[] = [];
  if (found.datatype !== wanted.datatype)
    faults.push(`${kind} '${wanted.name}' is ${found.datatype} instead of ${wanted.datatype}`);
  if (!found.anyRank && !wanted.anyRank && !sameAxes(found.shape, wanted.shape))
    faults.push(`${kind} '${wanted.name}' is ${shapeText(found)} instead of ${shapeText(wanted)}`);
  return faults;
}

function sameAxes(offered: readonly bigint[], wanted: readonly bigint[]): boolean {
  if (offered.length !== wanted.length) return false;
  return wanted.every((size, axis) => size < 0n || (offered[axis] ?? 0n) < 0n || size === offered[axis]);
}

/** Inputs that callers of the task do not send. */
function unknownNames(offered: readonly SpecOf[], wanted: readonly SpecOf[]): string[] {
  const needed = offered.filter(({ optional }) => !optional).map(({ name }) => name);
  return needed.filter((name) => !wanted.some((spec) => spec.name === name));
}

/** Inputs that callers of the task may leave out, and the model may not. */
function neededNames(offered: readonly SpecOf[], wanted: readonly SpecOf[]): string[] {
  const optional = new Set(wanted.filter((spec) => spec.optional).map(({ name }) => name));
  return offered.filter((spec) => !spec.optional && optional.has(spec.name)).map(({ name }) => name);
}

function tensorsText(specs: readonly SpecOf[]): string {
  const named = specs
    .slice(0, TENSORS_NAMED_MAX)
    .map((spec) => `${spec.name} ${spec.datatype} ${shapeText(spec)}${spec.optional ? " (optional)" : ""}`);
  const more = specs.length - named.length;
  return [...(named.length === 0 ? ["nothing"] : named), ...(more > 0 ? [`${more} more`] : [])].join(", ");
}

function shapeText({ shape, anyRank }: SpecOf): string {
  return anyRank ? "[...]" : `[${shape.join(", ")}]`;
}
