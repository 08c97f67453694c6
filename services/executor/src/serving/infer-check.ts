import { countBytes, type DataType, datatypeBytes, elementCount } from "@infaas/api";
import { ROWS_MAX } from "@infaas/policy";
import { type AxisLimit, axisFault } from "../engines/axis-limits";
import type { EngineTensor } from "../engines/engine-port";

/** Axes of a tensor, at most; engines are built for so many. */
const RANK_MAX = 16;

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
  /** Inputs that may be left out. */
  readonly optionalInputs: readonly EngineTensor[];
  readonly outputs: readonly EngineTensor[];
  readonly batchable: boolean;
  /** How large free axes may be; absent: as they come. */
  readonly axisLimits?: readonly AxisLimit[];
}

/** A query that fits the model; inputs are in the model's order, optional ones behind them. */
export interface CheckedInfer {
  readonly inputs: readonly Uint8Array[];
  readonly dims: readonly (readonly number[])[];
  /** Indexes of the optional inputs that were sent into the model's; absent: none was. */
  readonly optional?: readonly number[];
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
  const most = model.inputs.length + model.optionalInputs.length;
  if (sent.length < model.inputs.length || sent.length > most) {
    const has = most === model.inputs.length ? "" : `${model.inputs.length} to `;
    return fail(`${sent.length} inputs were sent, the model has ${has}${most}: ${inputNames(model)}`);
  }
  const taken: SentInput[] = [];
  for (const tensor of model.inputs) {
    const input = sent.find((candidate) => candidate.name === tensor.name);
    if (input === undefined) return fail(`input ${tensor.name} is missing, sent were: ${names(sent)}`);
    const fault = inputFault(tensor, input);
    if (fault !== null) return fail(`input ${tensor.name}: ${fault}`);
    taken.push(input);
  }
  const tooLarge = axisFault(
    model.axisLimits ?? [],
    taken.map(({ shape }) => shape),
  );
  if (tooLarge !== null) return fail(tooLarge);
  const rows = rowCount(model, taken);
  if (!rows.ok) return rows;
  const optional = sent.length === taken.length ? null : takeOptional(model, sent, taken);
  if (optional !== null && !optional.ok) return optional;
  const outputs = outputIndexes(model.outputs, requestedOutputs);
  if (!outputs.ok) return outputs;
  const value = {
    inputs: taken.map(({ bytes }) => bytes),
    dims: taken.map(({ shape }) => shape),
    rows: rows.value,
    outputs: outputs.value,
  };
  return { ok: true, value: optional === null ? value : { ...value, optional: optional.value } };
}

/** Adds the optional inputs that were sent to those taken; returns which of the model's they are. */
function takeOptional(
  model: ModelSignature,
  sent: readonly SentInput[],
  taken: SentInput[],
): Checked<readonly number[]> {
  const indexes: number[] = [];
  for (const [index, tensor] of model.optionalInputs.entries()) {
    const input = sent.find((candidate) => candidate.name === tensor.name);
    if (input === undefined) continue;
    const fault = inputFault(tensor, input);
    if (fault !== null) return fail(`input ${tensor.name}: ${fault}`);
    indexes.push(index);
    taken.push(input);
  }
  if (taken.length === sent.length) return { ok: true, value: indexes };
  const other = sent.find((input, at) => !taken.includes(input) || sent.indexOf(input) !== at);
  return fail(`input ${other?.name} is unknown or sent twice, the model has ${inputNames(model)}`);
}

function inputFault(tensor: EngineTensor, input: SentInput): string | null {
  if (input.datatype !== tensor.datatype)
    return `datatype is ${input.datatype}, the model takes ${tensor.datatype}`;
  if (!shapeFits(tensor, input.shape)) {
    const takes = tensor.anyRank ? `up to ${RANK_MAX} axes` : `[${tensor.dims.join(", ")}]`;
    return `shape is [${input.shape.join(", ")}], the model takes ${takes}`;
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

function shapeFits({ dims: allowed, anyRank }: EngineTensor, shape: readonly number[]): boolean {
  if (anyRank ? shape.length > RANK_MAX : allowed.length !== shape.length) return false;
  return shape.every(
    (dim, axis) =>
      Number.isSafeInteger(dim) && dim >= 0 && fitsAxis(anyRank ? -1 : (allowed[axis] ?? 0), dim),
  );
}

function fitsAxis(allowed: number, dim: number): boolean {
  return allowed < 0 || allowed === dim;
}

function rowCount(model: ModelSignature, inputs: readonly SentInput[]): Checked<number> {
  if (!model.batchable) return { ok: true, value: 1 };
  const rows = inputs[0]?.shape[0] ?? 1;
  const other = inputs.find(({ shape }) => shape[0] !== rows);
  if (other !== undefined) return fail(`inputs disagree on rows: one has ${rows}, another ${other.shape[0]}`);
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

function inputNames({ inputs, optionalInputs }: ModelSignature): string {
  return [...inputs.map(({ name }) => name), ...optionalInputs.map(({ name }) => `${name} (optional)`)].join(
    ", ",
  );
}

function names(tensors: readonly { readonly name: string }[]): string {
  return tensors.map((tensor) => tensor.name).join(", ");
}

function fail(fault: string): { readonly ok: false; readonly fault: string } {
  return { ok: false, fault };
}
