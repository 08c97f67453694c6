import { fromBinary } from "@bufbuild/protobuf";
import { encodeTyped, type ModelInferRequest, ModelInferRequestSchema, scanInferRequest } from "@infaas/api";
import {
  type Checked,
  type CheckedInfer,
  checkInfer,
  type ModelSignature,
  type SentInput,
} from "./infer-check";

/** What a request asks, with its inputs as raw bytes. */
interface SentInfer {
  readonly inputs: readonly SentInput[];
  readonly requestedOutputs: readonly string[];
}

/**
 * Returns the query in ModelInferRequest bytes, checked against the model. Raw inputs are views of `body`, never copies;
 * typed contents are converted. A fault says what came and what the model takes.
 */
export function decodeInfer(body: Uint8Array, model: ModelSignature): Checked<CheckedInfer> {
  const sent = scanRaw(body) ?? decodeWhole(body);
  return sent.ok ? checkInfer(model, sent.value.inputs, sent.value.requestedOutputs) : sent;
}

/** The common case: all inputs raw, one for each; null when the request is anything else. */
function scanRaw(body: Uint8Array): Checked<SentInfer> | null {
  const scan = scanInferRequest(body);
  if (!scan.ok) return null;
  const { inputs, rawInputs, requestedOutputs } = scan.head;
  if (inputs.length !== rawInputs.length || inputs.some((input) => input.contents)) return null;
  const sent = inputs.map(({ name, datatype, shape }, i) => {
    const { offset, length } = rawInputs[i] ?? { offset: 0, length: 0 };
    return { name, datatype, shape, bytes: body.subarray(offset, offset + length) };
  });
  return { ok: true, value: { inputs: sent, requestedOutputs } };
}

function decodeWhole(body: Uint8Array): Checked<SentInfer> {
  try {
    return fromMessage(fromBinary(ModelInferRequestSchema, body));
  } catch (fault) {
    const reason = fault instanceof Error ? fault.message : String(fault);
    return { ok: false, fault: `request is no ModelInferRequest: ${reason}` };
  }
}

function fromMessage(message: ModelInferRequest): Checked<SentInfer> {
  const raw = message.rawInputContents;
  const typed = message.inputs.find(({ contents }) => contents !== undefined);
  if (raw.length > 0 && typed !== undefined) {
    const sent = `input ${typed.name} has typed contents and ${raw.length} raw contents were sent`;
    return { ok: false, fault: `${sent}, a request takes one or the other` };
  }
  if (raw.length > 0 && raw.length !== message.inputs.length) {
    return { ok: false, fault: `${raw.length} raw contents were sent for ${message.inputs.length} inputs` };
  }
  const inputs: SentInput[] = [];
  for (const [i, input] of message.inputs.entries()) {
    const { name, datatype, contents } = input;
    const given = raw[i];
    const bytes =
      given === undefined ? encodeTyped(datatype, contents ?? {}) : { ok: true as const, value: given };
    if (!bytes.ok) return { ok: false, fault: `input ${name}: ${bytes.fault}` };
    inputs.push({ name, datatype, shape: input.shape.map(Number), bytes: bytes.value });
  }
  return { ok: true, value: { inputs, requestedOutputs: message.outputs.map((output) => output.name) } };
}
