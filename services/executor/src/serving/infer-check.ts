import { countBytes, type DataType, datatypeBytes, elementCount } from "@infaas/api";
import { ROWS_MAX } from "@infaas/policy";
import type { EngineTensor } from "../engines/engine-port";

/** One input as sent. */
export interface SentInput {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  /** Raw little-endian, row-major. */
  readonly bytes: Uint8Array;
}

/** Tensors of a model, and whether their first axes count rows. */
export interface ModelSignature {
  readonly inputs: readonly EngineTensor[];
  readonly outputs: readonly EngineTensor[];
  readonly batchable: boolean;
}

/** A query that fits the model; inputs are in the model's order. */
export interface CheckedInfer {
  readonly inputs: readonly Uint8Array[];
  readonly dims: readonly (readonly number[])[];
  /** 0 is answered with 0 rows, more than the largest batch are run in pieces. */
  readonly rows: number;
  /** Indexes of the requested outputs into the model's, in the caller's order. */
  readonly outputs: readonly number[];
}

/** Outcome of a check; `fault` says what came and what was allowed. */
export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly fault: string };

/**
 * Returns the query with inputs matched by name, or why names, datatypes, shapes, sizes or rows do not fit.
 */
export function checkInfer(
  model: ModelSignature,
  sent: readonly SentInput[],
  requestedOutputs: readonly string[],
): Checked<CheckedInfer> {
  if (sent.length !== model.inputs.length) {
    return fail(
      `${sent.length} inputs were sent, the model has ${model.inputs.length}: ${names(model.inputs)}`,
    );
  }
  const inputs: Uint8Array[] = [];
  const dims: (readonly number[])[] = [];
  for (const tensor of model.inputs) {
    const input = sent.find((candidate) => candidate.name === tensor.name);
    if (input === undefined) return fail(`input ${tensor.name} is missing, sent were: ${names(sent)}`);
    const fault = inputFault(tensor, input);
    if (fault !== null) return fail(`input ${tensor.name}: ${fault}`);
    inputs.push(input.bytes);
    dims.push(input.shape);
  }
  const rows = rowCount(model, dims);
  if (!rows.ok) return rows;
  const outputs = outputIndexes(model.outputs, requestedOutputs);
  if (!outputs.ok) return outputs;
  return { ok: true, value: { inputs, dims, rows: rows.value, outputs: outputs.value } };
}

function inputFault(tensor: EngineTensor, input: SentInput): string | null {
  if (input.datatype !== tensor.datatype)
    return `datatype is ${input.datatype}, the model takes ${tensor.datatype}`;
  if (!shapeFits(tensor.dims, input.shape)) {
    return `shape is [${input.shape.join(", ")}], the model takes [${tensor.dims.join(", ")}]`;
  }
  return contentFault(input);
}

function contentFault({ datatype, shape, bytes }: SentInput): string | null {
  const count = elementCount(shape);
  const wanted = `shape [${shape.join(", ")}] of ${datatype} takes`;
  if (datatype === "BYTES") {
    const strings = countBytes(bytes);
    if (!strings.ok) return strings.fault;
    return strings.value === count ? null : `${strings.value} elements were sent, ${wanted} ${count}`;
  }
  const wantedBytes = count * (datatypeBytes(datatype as DataType) ?? 0);
  if (bytes.byteLength !== wantedBytes)
    return `${bytes.byteLength} bytes were sent, ${wanted} ${wantedBytes}`;
  return datatype === "BOOL" ? truthFault(bytes) : null;
}

/** Engines treat bytes other than 0 and 1 as true in one operator and as false in another. */
function truthFault(bytes: Uint8Array): string | null {
  const at = bytes.findIndex((byte) => byte > 1);
  return at < 0 ? null : `element ${at} is ${bytes[at]}, BOOL takes 0 and 1`;
}

function shapeFits(allowed: readonly number[], shape: readonly number[]): boolean {
  if (allowed.length !== shape.length) return false;
  return shape.every(
    (dim, axis) => Number.isSafeInteger(dim) && dim >= 0 && fitsAxis(allowed[axis] ?? 0, dim),
  );
}

function fitsAxis(allowed: number, dim: number): boolean {
  return allowed < 0 || allowed === dim;
}

function rowCount(model: ModelSignature, dims: readonly (readonly number[])[]): Checked<number> {
  if (!model.batchable) return { ok: true, value: 1 };
  const rows = dims[0]?.[0] ?? 1;
  const other = dims.find((shape) => shape[0] !== rows);
  if (other !== undefined) return fail(`inputs disagree on rows: one has ${rows}, another ${other[0]}`);
  if (rows > ROWS_MAX) return fail(`request of ${rows} rows exceeds max ${ROWS_MAX}`);
  return { ok: true, value: rows };
}

function outputIndexes(
  outputs: readonly EngineTensor[],
  requested: readonly string[],
): Checked<readonly number[]> {
  if (requested.length === 0) return { ok: true, value: outputs.map((_, index) => index) };
  const indexes: number[] = [];
  for (const name of requested) {
    const index = outputs.findIndex((tensor) => tensor.name === name);
    if (index < 0) return fail(`output ${name} is unknown, the model has ${names(outputs)}`);
    indexes.push(index);
  }
  return { ok: true, value: indexes };
}

function names(tensors: readonly { readonly name: string }[]): string {
  return tensors.map((tensor) => tensor.name).join(", ");
}

function fail(fault: string): { readonly ok: false; readonly fault: string } {
  return { ok: false, fault };
}
