import { type DataType, elementCount, encodeJsonData, isDataType } from "@infaas/api";
import type { TensorSignature } from "@infaas/onnx";
import { EXAMPLE_UNPACKED_BYTES_MAX, type ExampleTensor, faultIn, inputNamed } from "./example-tensor";

/** Axes of an array in JSON. */
const RANK_MAX = 32;

/**
 * Reads examples in JSON: a request of the protocol, `{"inputs": [{name, datatype, shape, data}]}`, in which an input without
 * `data` states its sizes only, or an object of arrays by input, `{"x": [[1, 2]], "flag": true}`, whose datatypes are the
 * model's.
 * @throws ServiceError INVALID_ARGUMENT naming the input, what came and what is allowed.
 */
export function readJsonExamples(
  source: string,
  text: string,
  inputs: readonly TensorSignature[],
): ExampleTensor[] {
  const parsed = parse(source, text);
  if (Array.isArray(parsed.inputs) && inputs.every(({ name }) => name !== "inputs"))
    return parsed.inputs.map((one: unknown) => stated(source, one, inputs));
  return Object.entries(parsed).map(([name, data]) => {
    const input = inputNamed(inputs, name, source);
    return valuesOf(source, input, { datatype: input.datatype, shape: shapeOf(data), data: [data] });
  });
}

function parse(source: string, text: string): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (fault) {
    throw faultIn(source, `it is no JSON: ${(fault as Error).message}`);
  }
  if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed))
    return parsed as Record<string, unknown>;
  throw faultIn(
    source,
    'it is no object; allowed: {"inputs": [{name, datatype, shape, data}]} or {NAME: ARRAY}',
  );
}

/** One input as the protocol writes it. */
function stated(source: string, one: unknown, inputs: readonly TensorSignature[]): ExampleTensor {
  const { name, datatype, shape, data } = (one ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof name !== "string") throw faultIn(source, "an input has no name");
  const input = inputNamed(inputs, name, source);
  const type = datatype ?? input.datatype;
  if (typeof type !== "string" || !isDataType(type))
    throw faultIn(source, `input '${name}': datatype ${JSON.stringify(type)} is unknown`);
  const sizes = shape ?? (data === undefined ? undefined : shapeOf(data));
  if (!isShape(sizes))
    throw faultIn(
      source,
      `input '${name}': shape is ${JSON.stringify(sizes)?.slice(0, 40)}, a list of sizes is allowed`,
    );
  if (data === undefined) return { input: name, datatype: type, shape: sizes, bytes: null, source };
  return valuesOf(source, input, { datatype: type, shape: sizes, data: Array.isArray(data) ? data : [data] });
}

function valuesOf(
  source: string,
  { name }: TensorSignature,
  o: { readonly datatype: DataType; readonly shape: readonly number[]; readonly data: readonly unknown[] },
): ExampleTensor {
  const encoded = encodeJsonData(o.datatype, o.shape, o.data);
  if (!encoded.ok) throw faultIn(source, `input '${name}': ${encoded.fault}`);
  return { input: name, datatype: o.datatype, shape: o.shape, bytes: encoded.value, source };
}

function isShape(value: unknown): value is number[] {
  return (
    Array.isArray(value) &&
    value.every((size) => Number.isInteger(size) && size >= 0) &&
    elementCount(value as number[]) <= EXAMPLE_UNPACKED_BYTES_MAX
  );
}

/** Sizes of nested arrays, by the first of each; `encodeJsonData` counts the elements. */
function shapeOf(value: unknown): number[] {
  const shape: number[] = [];
  for (let inner = value; Array.isArray(inner) && shape.length < RANK_MAX; inner = inner[0])
    shape.push(inner.length);
  return shape;
}
