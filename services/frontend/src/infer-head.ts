import { fromBinary } from "@bufbuild/protobuf";
import {
  type InferHead,
  type ModelInferRequest,
  ModelInferRequestSchema,
  scanInferRequest,
} from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";
import type { CatalogModel } from "./catalog";
import type { RawValue } from "./requirements";

/** Reads the head of ModelInferRequest bytes: scanned where that is enough, decoded whole where the message is odd. */
export function readHead(bytes: Uint8Array): InferHead | ServiceError {
  const scan = scanInferRequest(bytes);
  if (scan.ok) return scan.head;
  let message: ModelInferRequest;
  try {
    message = fromBinary(ModelInferRequestSchema, bytes);
  } catch (cause) {
    const sentence = "request is not a readable inference.ModelInferRequest";
    return new ServiceError(Code.INVALID_ARGUMENT, sentence, { cause });
  }
  return tensorParameterFault(message) ?? decodedHead(message);
}

/** Rows of a request: the first axis of its first input where the model is batched, else 1. */
export function countRows(
  model: CatalogModel,
  inputs: readonly { readonly name: string; readonly shape: readonly number[] }[],
): number | ServiceError {
  const [first] = inputs;
  if (first === undefined) {
    const wanted = model.architecture?.inputs.map((i) => i.name).join(", ") ?? "";
    return new ServiceError(Code.INVALID_ARGUMENT, `request has no inputs; '${model.name}' takes: ${wanted}`);
  }
  if (!model.batched) return 1;
  const rows = first.shape[0];
  if (rows === undefined || rows < 1) {
    const message = `input '${first.name}' has shape [${first.shape.join(", ")}]; the first axis must count at least 1 row`;
    return new ServiceError(Code.INVALID_ARGUMENT, message);
  }
  return rows;
}

/** Parameters of single tensors that would change the answer; the scanner leaves every request that has any to us. */
const TENSOR_PARAMETERS = ["shared_memory_region", "classification"] as const;

function tensorParameterFault({ inputs, outputs }: ModelInferRequest): ServiceError | null {
  for (const { name, parameters } of [...inputs, ...outputs]) {
    const found = TENSOR_PARAMETERS.find((parameter) => parameter in parameters);
    if (found === undefined) continue;
    const sentence = `tensor '${name}' has parameter ${found}, which is not served here; send and take plain tensors`;
    return new ServiceError(Code.UNIMPLEMENTED, sentence);
  }
  return null;
}

/** The slow way, for whatever the scanner finds odd. */
function decodedHead(message: ModelInferRequest): InferHead {
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
