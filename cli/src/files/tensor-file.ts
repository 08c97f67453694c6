import { type Tensor, tensorFromNumbers, tensorFromTexts } from "@infaas/client";
import { Code, ServiceError } from "@infaas/runtime";

const FORM = '{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [0.5, 1]}]}';

/**
 * Reads tensors as the Open Inference Protocol writes them in JSON.
 * @param source Names the option and the file in what is thrown: `--tensor: FILE`.
 * @throws ServiceError INVALID_ARGUMENT with the input that is wrong and the form that is taken.
 */
export function tensorsFromJson(source: string, text: string): readonly Tensor[] {
  const { inputs } = Object(parsed(source, text)) as { inputs?: unknown };
  if (!Array.isArray(inputs) || inputs.length === 0) throw refused(source, "it has no list 'inputs'");
  return inputs.map((input: unknown, index) => {
    const at = `input ${index + 1}`;
    try {
      return tensorOf(input, (fault) => refused(source, `${at} ${fault}`));
    } catch (cause) {
      // Of counts that do not fit their shape, and numbers that do not fit their datatype.
      if (cause instanceof RangeError) throw refused(source, `${at}: ${cause.message}`, cause);
      throw cause;
    }
  });
}

function parsed(source: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw refused(source, `it is no JSON: ${(cause as Error).message}`, cause);
  }
}

function tensorOf(input: unknown, fault: (what: string) => ServiceError): Tensor {
  const { name, datatype, shape, data } = Object(input) as Readonly<Record<string, unknown>>;
  if (typeof name !== "string" || name === "") throw fault("has no 'name'");
  if (typeof datatype !== "string") throw fault(`('${name}') has no 'datatype'`);
  if (!isShape(shape)) throw fault(`('${name}') has no 'shape' that is a list of sizes from 0`);
  if (data === undefined) throw fault(`('${name}') has no 'data'`);
  const values = [data].flat(Number.POSITIVE_INFINITY) as unknown[];
  if (datatype === "BYTES") return tensorFromTexts(name, shape, values.map(String));
  const wrong = values.find((value) => !isNumber(value, datatype));
  if (wrong !== undefined) throw fault(`('${name}') has ${JSON.stringify(wrong)}, which is no ${datatype}`);
  return tensorFromNumbers(name, datatype, shape, values.map(Number));
}

function isShape(shape: unknown): shape is number[] {
  return Array.isArray(shape) && shape.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function isNumber(value: unknown, datatype: string): boolean {
  if (typeof value === "boolean") return true;
  if (typeof value !== "number" && (typeof value !== "string" || value === "")) return false;
  const number = Number(value);
  return /^U?INT/.test(datatype) ? Number.isInteger(number) : !Number.isNaN(number) || value === "NaN";
}

function refused(source: string, why: string, cause?: unknown): ServiceError {
  const sentence = `${source} cannot be read: ${why}; it takes ${FORM}`;
  return new ServiceError(Code.INVALID_ARGUMENT, sentence, { cause });
}
