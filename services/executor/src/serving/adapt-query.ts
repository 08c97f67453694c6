import { adaptedDims, elementFault } from "@infaas/adapters";
import { type Adapter, adapterInput, type DataType, decodeBytes } from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";
import type { CancelSignal } from "../engines/engine-port";
import type { ModelSignature, SentInput } from "./infer-check";

/** Pictures or texts of one query, at most. */
export const ADAPTED_ROWS_MAX = 64;

/** Turns pictures and texts into rows of tensors, off the thread that serves queries. */
export interface AdapterPort {
  /**
   * Resolves to the rows, one after another; rejects with INVALID_ARGUMENT for what cannot be read, RESOURCE_EXHAUSTED where too
   * much waits, DEADLINE_EXCEEDED when it takes too long, and CANCELLED.
   */
  adapt(work: AdapterWork): Promise<Uint8Array>;
  /** Has everything ready for the first of them; a model with an adapter is being loaded. */
  prepare(): void;
}

export interface AdapterWork {
  readonly adapter: Adapter;
  readonly datatype: DataType;
  readonly elements: readonly Uint8Array[];
  /** Time until the query's deadline; null: it has none. */
  readonly timeoutMs: number | null;
  readonly signal: CancelSignal;
}

/** Pictures or texts that a query sent in place of a tensor, checked as far as can be told unread. */
export interface AdaptedQuery {
  readonly adapter: Adapter;
  readonly elements: readonly Uint8Array[];
  readonly datatype: DataType;
  /** The inputs as sent, with the tensor of these rows where the elements were. */
  withRows(rows: Uint8Array): readonly SentInput[];
}

/**
 * Returns the pictures or texts among the inputs of a query; null where it sent tensors alone.
 * @throws ServiceError INVALID_ARGUMENT with what came and what is taken.
 */
export function readAdapted(
  adapter: Adapter | undefined,
  model: ModelSignature,
  sent: readonly SentInput[],
): AdaptedQuery | null {
  const name = adapter === undefined ? null : adapterInput(adapter);
  const at = sent.findIndex((input) => input.datatype === "BYTES" && input.name === name);
  const input = sent[at];
  const [tensor] = model.inputs;
  if (adapter === undefined || input === undefined || tensor === undefined) return null;
  const [rows = 0, ...rest] = input.shape;
  const most = model.batchable ? ADAPTED_ROWS_MAX : 1;
  const outside = () => refused(name, `${rows} were sent, allowed are 1 to ${most}`);
  if (rows > most) throw outside();
  const elements = elementsOf(input);
  const shape = `[${input.shape.join(", ")}]`;
  if (rest.some((size) => size !== 1) || elements.length !== rows)
    throw refused(name, `${elements.length} elements of shape ${shape} were sent, it takes [n] or [n, 1]`);
  if (rows < 1) throw outside();
  const fault = elements
    .map(({ byteLength }) => elementFault(adapter, byteLength))
    .find((one) => one !== null);
  if (fault !== undefined && fault !== null) throw refused(name, fault);
  const { datatype } = tensor;
  const dims = [rows, ...adaptedDims(adapter)];
  return {
    adapter,
    elements,
    datatype: datatype as DataType,
    withRows: (bytes) => sent.with(at, { name: tensor.name, datatype, shape: dims, bytes }),
  };
}

/** No more of them are read than a query may have: what is sent may be millions that are empty. */
function elementsOf({ name, bytes }: SentInput): readonly Uint8Array[] {
  const elements = decodeBytes(bytes, ADAPTED_ROWS_MAX);
  if (elements.ok) return elements.value;
  throw refused(name, elements.fault);
}

function refused(name: string | null, why: string): ServiceError {
  return new ServiceError(Code.INVALID_ARGUMENT, `input ${name}: ${why}`);
}
