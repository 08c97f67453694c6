import {
  encodeTyped,
  type ModelInferRequest,
  ModelInferRequestSchema,
  placementFromParameters,
  scanInferRequest,
  type TensorPlacement,
} from "@infaas/api";
import { decodeMessage, ServiceError } from "@infaas/runtime";
import {
  type Checked,
  type CheckedInfer,
  checkInfer,
  type ModelSignature,
  type SentInput,
} from "./infer-check";
import { PLACED_BYTES_MAX, type SharedMemory } from "./shared-memory";

/** A request with its inputs as raw bytes. */
export interface SentInfer {
  readonly inputs: readonly SentInput[];
  readonly requestedOutputs: readonly string[];
  readonly placements: OutputPlacements;
}

/** Places of outputs in shared memory, by name. */
export type OutputPlacements = ReadonlyMap<string, TensorPlacement>;

/** A checked query, with the places of outputs that are written to shared memory. */
export interface DecodedInfer extends CheckedInfer {
  readonly placements: OutputPlacements;
}

const NO_PLACEMENTS: OutputPlacements = new Map();

/**
 * Returns the request in ModelInferRequest bytes. Raw inputs are views of `body`, never copies; typed contents are
 * converted, inputs in shared memory are read.
 */
export function readInfer(body: Uint8Array, memory: SharedMemory): Checked<SentInfer> {
  return scanRaw(body) ?? decodeWhole(body, memory);
}

/** Returns the query, checked against the model. A fault says what came and what the model takes. */
export function checkSent(
  { inputs, requestedOutputs, placements }: SentInfer,
  model: ModelSignature,
): Checked<DecodedInfer> {
  const checked = checkInfer(model, inputs, requestedOutputs);
  return checked.ok ? { ok: true, value: { ...checked.value, placements } } : checked;
}

/** Reads a request whose inputs are all raw without decoding it; null for any other. */
function scanRaw(body: Uint8Array): Checked<SentInfer> | null {
  const scan = scanInferRequest(body);
  if (!scan.ok) return null;
  const { inputs, rawInputs, requestedOutputs } = scan.head;
  if (inputs.length !== rawInputs.length || inputs.some((input) => input.contents)) return null;
  const sent = inputs.map(({ name, datatype, shape }, i) => {
    const { offset, length } = rawInputs[i] ?? { offset: 0, length: 0 };
    return { name, datatype, shape, bytes: body.subarray(offset, offset + length) };
  });
  return { ok: true, value: { inputs: sent, requestedOutputs, placements: NO_PLACEMENTS } };
}

function decodeWhole(body: Uint8Array, memory: SharedMemory): Checked<SentInfer> {
  const message = decodeMessage(ModelInferRequestSchema, body);
  if (message instanceof ServiceError) return { ok: false, fault: message.message };
  return fromMessage(message, memory);
}

/** Raw contents belong to the inputs that are not in shared memory, in their order. */
function fromMessage(message: ModelInferRequest, memory: SharedMemory): Checked<SentInfer> {
  const raw = message.rawInputContents;
  const typed = message.inputs.find(({ contents }) => contents !== undefined);
  if (raw.length > 0 && typed !== undefined) {
    const sent = `input ${typed.name} has typed contents and ${raw.length} raw contents were sent`;
    return { ok: false, fault: `${sent}, a request takes one or the other` };
  }
  const places = message.inputs.map((input) => placementFromParameters(input.parameters));
  const placed = places.reduce((sum, place) => sum + (place?.byteSize ?? 0), 0);
  if (placed > PLACED_BYTES_MAX) {
    return {
      ok: false,
      fault: `inputs take ${placed} bytes out of shared memory, allowed are ${PLACED_BYTES_MAX}`,
    };
  }
  const rawWanted = places.filter((place) => place === null).length;
  if (raw.length > 0 && raw.length !== rawWanted) {
    return { ok: false, fault: `${raw.length} raw contents were sent for ${rawWanted} inputs` };
  }
  const inputs: SentInput[] = [];
  let rawTaken = 0;
  for (const [i, input] of message.inputs.entries()) {
    const place = places[i] ?? null;
    const given = place === null ? raw[rawTaken++] : undefined;
    const { name, datatype, contents } = input;
    const bytes =
      place !== null
        ? placedBytes(place, memory)
        : given === undefined
          ? encodeTyped(datatype, contents ?? {})
          : { ok: true as const, value: given };
    if (!bytes.ok) return { ok: false, fault: `input ${name}: ${bytes.fault}` };
    inputs.push({ name, datatype, shape: input.shape.map(Number), bytes: bytes.value });
  }
  const requestedOutputs = message.outputs.map((output) => output.name);
  return { ok: true, value: { inputs, requestedOutputs, placements: placementsOf(message) } };
}

function placedBytes(place: TensorPlacement, memory: SharedMemory): Checked<Uint8Array> {
  try {
    return { ok: true, value: memory.read(place) };
  } catch (fault) {
    return { ok: false, fault: ServiceError.from(fault).message };
  }
}

function placementsOf({ outputs }: ModelInferRequest): OutputPlacements {
  const placements = new Map<string, TensorPlacement>();
  for (const { name, parameters } of outputs) {
    const place = placementFromParameters(parameters);
    if (place !== null) placements.set(name, place);
  }
  return placements;
}
