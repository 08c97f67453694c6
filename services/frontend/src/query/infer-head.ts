import { toBinary } from "@bufbuild/protobuf";
import {
  type InferHead,
  type InferParameter,
  type InferParts,
  type ModelInferRequest,
  ModelInferRequestSchema,
  scanInferRequest,
} from "@infaas/api";
import { Code, decodeMessage, ServiceError } from "@infaas/runtime";
import type { CatalogModel } from "../view/catalog";
import { type Body, BytesBody, PartsBody } from "./body";
import { limitFault } from "./request-limits";
import type { RawValue } from "./requirements";
import type { TenantRegions } from "./shared-memory-regions";
import {
  dropTensorParameters,
  hasTensorParameters,
  takeTensorParameters,
  type WantedClasses,
} from "./tensor-parameters";

/** A request as far as a frontend reads it. */
export interface ReadRequest {
  readonly head: InferHead;
  /** What the executor gets: the bytes as they came, or written anew where single tensors had parameters. */
  readonly body: Body;
  readonly classes: WantedClasses;
  /**
   * Why it is refused: INVALID_ARGUMENT for its size or parameters, or NOT_FOUND for a shared memory region.
   */
  readonly fault: ServiceError | null;
}

const NO_CLASSES: WantedClasses = new Map();

/** ModelInferRequest bytes, as one or in parts. */
export type InferBytes = Uint8Array | InferParts;

/**
 * Reads ModelInferRequest bytes: scanned where that is enough, decoded whole where the message is odd.
 * Without `regions` the parameters of single tensors are dropped. INVALID_ARGUMENT when it cannot be read at
 * all.
 */
export function readRequest(sent: InferBytes, regions: TenantRegions | null): ReadRequest | ServiceError {
  const scan = scanInferRequest(sent instanceof Uint8Array ? sent : sent.skeleton);
  const body = sent instanceof Uint8Array ? new BytesBody(sent) : new PartsBody(sent.parts);
  if (scan.ok) return plainRequest(scan.head, body);
  const bytes = body.bytes();
  const message = decodeMessage(ModelInferRequestSchema, bytes);
  if (message instanceof ServiceError) return message;
  const plain = plainRequest(headOf(message), new BytesBody(bytes));
  const fault = parameterFault(message);
  if (fault !== null) return { ...plain, fault };
  if (plain.fault !== null || !hasTensorParameters(message)) return plain;
  const classes = regions === null ? dropTensorParameters(message) : takeTensorParameters(message, regions);
  if (classes instanceof ServiceError) return { ...plain, fault: classes };
  return { ...plain, body: new BytesBody(toBinary(ModelInferRequestSchema, message)), classes };
}

/** A request that needs nothing but its head, which is held to the limits of all requests. */
export function plainRequest(head: InferHead, body: Body): ReadRequest {
  return { head, body, classes: NO_CLASSES, fault: limitFault(head) };
}

/**
 * Rows of a request: the first axis of its first input that may not be left out where the model is batched, else 1; none
 * are decided on as one.
 */
export function countRows(
  model: CatalogModel,
  inputs: readonly { readonly name: string; readonly shape: readonly number[] }[],
): number | ServiceError {
  const first = firstRequired(model, inputs);
  if (first === undefined && model.architecture?.inputs.every(({ optional }) => optional)) return 1;
  if (first === undefined) {
    const wanted = model.requiredInputs.map((i) => i.name).join(", ");
    return new ServiceError(Code.INVALID_ARGUMENT, `request has no inputs; '${model.name}' takes: ${wanted}`);
  }
  if (!model.batched) return 1;
  const rows = first.shape[0];
  if (rows === undefined || rows < 0) {
    const message = `input '${first.name}' has shape [${first.shape.join(", ")}]; the first axis must count rows`;
    return new ServiceError(Code.INVALID_ARGUMENT, message);
  }
  return Math.max(1, rows);
}

function firstRequired<Input extends { readonly name: string }>(
  { tensors, requiredInputs }: CatalogModel,
  inputs: readonly Input[],
): Input | undefined {
  if (requiredInputs.length === tensors.inputs.length) return inputs[0];
  return inputs.find(({ name }) => requiredInputs.some((spec) => spec.name === name));
}

type ParameterCase = InferParameter["parameterChoice"]["case"];

const CUSTOM_CASES: readonly ParameterCase[] = ["int64Param", "boolParam", "stringParam", "doubleParam"];
/** What the protocol says of parameters it names; Triton refuses other forms, so clients know of it. */
const PROTOCOL_CASES: ReadonlyMap<string, readonly ParameterCase[]> = new Map([
  ["priority", ["int64Param", "uint64Param"]],
  ["timeout", ["int64Param"]],
]);

function parameterFault({ parameters }: ModelInferRequest): ServiceError | null {
  for (const [name, { parameterChoice }] of Object.entries(parameters)) {
    const allowed = PROTOCOL_CASES.get(name) ?? CUSTOM_CASES;
    if (allowed.includes(parameterChoice.case)) continue;
    const came =
      parameterChoice.case === undefined ? "has no value" : `is a ${fieldOf(parameterChoice.case)}`;
    const sentence = `parameter '${name}' ${came}; allowed: ${allowed.map(fieldOf).join(" or ")}`;
    return new ServiceError(Code.INVALID_ARGUMENT, sentence);
  }
  return null;
}

/** The protocol's own name of a form. */
function fieldOf(form: ParameterCase): string {
  return (form ?? "").replace("Param", "_param");
}

/** The slow way, for whatever the scanner finds odd. */
function headOf(message: ModelInferRequest): InferHead {
  const parameters = new Map<string, RawValue>();
  for (const [name, { parameterChoice }] of Object.entries(message.parameters)) {
    if (parameterChoice.case !== undefined) parameters.set(name, parameterChoice.value);
  }
  return {
    modelName: message.modelName,
    modelVersion: message.modelVersion,
    id: message.id,
    parameters,
    inputs: message.inputs.map((input) => ({
      name: input.name,
      datatype: input.datatype,
      shape: input.shape.map(Number),
      contents: input.contents !== undefined,
    })),
    requestedOutputs: message.outputs.map((output) => output.name),
    rawInputs: [],
  };
}
