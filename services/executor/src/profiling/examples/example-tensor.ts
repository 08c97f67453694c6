import type { DataType } from "@infaas/api";
import type { TensorSignature } from "@infaas/onnx";
import { Code, ServiceError } from "@infaas/runtime";

/** What a file of examples holds for one input. */
export interface ExampleTensor {
  /** Name of the input. */
  readonly input: string;
  readonly datatype: DataType;
  readonly shape: readonly number[];
  /** Little-endian, row-major, BYTES each behind its length; null: values are drawn, only the shape is stated. */
  readonly bytes: Uint8Array | null;
  /** Where it came from, for messages. */
  readonly source: string;
}

/** A tensor as a file holds it; what the file does not say of it is `null`. */
export interface FileTensor {
  readonly datatype: DataType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** Bytes that the examples of one registration may have once they are unpacked. */
export const EXAMPLE_UNPACKED_BYTES_MAX = 64 * 2 ** 20;

/** Inputs named in a refusal. */
const INPUTS_NAMED_MAX = 16;

/** A refusal that begins with where the fault is. */
export function faultIn(source: string, fault: string): ServiceError {
  return new ServiceError(Code.INVALID_ARGUMENT, `${source}: ${fault}`);
}

/** The input of this name. @throws ServiceError INVALID_ARGUMENT with the model's inputs where there is none. */
export function inputNamed(
  inputs: readonly TensorSignature[],
  name: string,
  source: string,
): TensorSignature {
  const found = inputs.find((input) => input.name === name);
  if (found !== undefined) return found;
  throw faultIn(source, `'${name}' is no input of the model; it has ${inputsText(inputs)}`);
}

/** The only input. @throws ServiceError INVALID_ARGUMENT where there are others, or none. */
export function onlyInput(inputs: readonly TensorSignature[], source: string): TensorSignature {
  const [input, ...others] = inputs;
  if (input !== undefined && others.length === 0) return input;
  const why = `it does not say for which input it is; the model has ${inputsText(inputs)}`;
  throw faultIn(source, `${why}; name one, as in INPUT=FILE`);
}

/** A tensor of a signature as messages show it: `image FP32 [-1, 3, 224, 224]`. */
export function specText({ name, datatype, shape }: TensorSignature): string {
  return `${name} ${datatype} [${shape.join(", ")}]`;
}

function inputsText(inputs: readonly TensorSignature[]): string {
  if (inputs.length === 0) return "no inputs";
  const named = inputs.slice(0, INPUTS_NAMED_MAX).map(specText).join(", ");
  return inputs.length > INPUTS_NAMED_MAX ? `${named} and ${inputs.length - INPUTS_NAMED_MAX} more` : named;
}
