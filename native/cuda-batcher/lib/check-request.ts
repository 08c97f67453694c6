import { rankMax } from "./delivery-layout";
import { elementBytes, type TensorInfo } from "./tensor-info";

/** What a request's inputs must fit. */
export interface RequestRules {
  readonly inputs: readonly TensorInfo[];
  readonly optionalInputs: readonly TensorInfo[];
  readonly batchable: boolean;
  readonly maxBatch: number;
}

/** Tensors of a request, as `Batcher.submit` takes them. */
export interface RequestTensors {
  readonly inputs: readonly Uint8Array[];
  readonly rows: number;
  readonly dims: readonly (readonly number[])[] | undefined;
  readonly optional: readonly number[] | undefined;
}

/** Rows of one request; those beyond the largest batch are run in pieces. The add-on's `kCutRowsMax`. */
export const rowsMax = 1 << 20;

/**
 * What is wrong with a request, as a sentence that names the input and both sizes; undefined when it fits.
 * `dims` are the full dims of each input and needed only where the model leaves more than the batch axis open, or an
 * optional input is sent.
 */
export function requestFault(
  rules: RequestRules,
  { inputs, rows, dims, optional = [] }: RequestTensors,
): string | undefined {
  if (!Number.isInteger(rows) || rows < 1) return `rows is ${rows}, allowed are whole numbers from 1`;
  if (rows > rowsMax) return `request of ${rows} rows exceeds max ${rowsMax}`;
  if (rows > rules.maxBatch && !rules.batchable)
    return `batch of ${rows}: the model has no batch axis, allowed is 1`;
  const own = rules.inputs.length;
  const wanted = own + optional.length;
  if (inputs.length !== wanted) return `${inputs.length} inputs came, the model has ${wanted}`;
  if (dims !== undefined && dims.length !== wanted)
    return `dims of ${dims.length} inputs came, the model has ${wanted}`;
  for (let i = 0; i < own; i++) {
    const fault = inputFault(rules, rules.inputs[i]!, inputs[i]!.byteLength, rows, dims?.[i]);
    if (fault !== undefined) return fault;
  }
  return optional.length === 0 ? undefined : optionalFault(rules, inputs, dims, optional);
}

/** An optional input belongs to its request as a whole. */
function optionalFault(
  { inputs: own, optionalInputs, maxBatch }: RequestRules,
  inputs: readonly Uint8Array[],
  dims: readonly (readonly number[])[] | undefined,
  optional: readonly number[],
): string | undefined {
  if (dims === undefined) return "dims of all inputs are needed where optional ones are sent";
  const rules = { inputs: own, optionalInputs, batchable: false, maxBatch };
  for (const [k, index] of optional.entries()) {
    const tensor = optionalInputs[index];
    if (tensor === undefined || optional.indexOf(index) !== k)
      return `optional input ${index} is unknown or sent twice, the model has ${optionalInputs.length}`;
    const at = own.length + k;
    const fault = inputFault(rules, tensor, inputs[at]!.byteLength, 1, dims[at]);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function inputFault(
  rules: RequestRules,
  input: TensorInfo,
  bytes: number,
  rows: number,
  dims: readonly number[] | undefined,
): string | undefined {
  if (dims !== undefined) {
    const fault = dimsFault(rules, input, rows, dims);
    if (fault !== undefined) return fault;
  } else if (input.itemBytes < 0) {
    return `input '${input.name}' is [${input.dims?.join(", ") ?? "..."}]: the request must say its dims`;
  }
  if (input.dtype === "string") return undefined;
  const expected =
    input.itemBytes >= 0
      ? rows * input.itemBytes
      : dims!.reduce((product, dim) => product * dim, elementBytes(input.dtype));
  if (bytes !== expected) return `input '${input.name}' has ${bytes} bytes, ${rows} rows need ${expected}`;
  return undefined;
}

function dimsFault(
  rules: RequestRules,
  input: TensorInfo,
  rows: number,
  dims: readonly number[],
): string | undefined {
  if (input.dims === null) {
    if (dims.length <= rankMax && dims.every((dim) => Number.isInteger(dim) && dim >= 0)) return undefined;
    return `input '${input.name}' has dims [${dims.join(", ")}], allowed are up to ${rankMax} axes`;
  }
  const declared = input.dims;
  const fits =
    dims.length === declared.length &&
    dims.every((dim, axis) => {
      if (!Number.isInteger(dim) || dim < 0) return false;
      if (rules.batchable && axis === 0) return dim === rows;
      const allowed = declared[axis];
      return typeof allowed === "string" || allowed === -1 || allowed === dim;
    });
  if (fits) return undefined;
  const asked = rules.batchable ? ` with ${rows} rows` : "";
  return `input '${input.name}' has dims [${dims.join(", ")}], the model takes [${declared.join(", ")}]${asked}`;
}
