import type { InferHead } from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";

/** Inputs of one request, at most; as many as a native link takes (native/wire/src/frames/infer_scan.h), like the next three. */
export const INPUTS_MAX = 1_024;
/** Outputs one request may ask for. */
export const REQUESTED_OUTPUTS_MAX = 1_024;
/** Parameters of one request. */
export const PARAMETERS_MAX = 256;
/** Dimensions of all inputs of one request together. */
export const DIMS_MAX = 8_192;
/** Characters of a model's name, of a tensor's, of a parameter's, and of a request's id. */
export const NAME_MAX = 1_024;

/** What is counted of a request. */
export type Limited = Pick<InferHead, "modelName" | "id" | "parameters" | "inputs" | "requestedOutputs">;

/** Returns why a request is larger than any may be, INVALID_ARGUMENT with both numbers, or null. */
export function limitFault(head: Limited): ServiceError | null {
  const { modelName, id, parameters, inputs, requestedOutputs } = head;
  if (inputs.length > INPUTS_MAX) return tooMany("inputs", inputs.length, INPUTS_MAX);
  if (parameters.size > PARAMETERS_MAX) return tooMany("parameters", parameters.size, PARAMETERS_MAX);
  if (requestedOutputs.length > REQUESTED_OUTPUTS_MAX) {
    return tooMany("requested outputs", requestedOutputs.length, REQUESTED_OUTPUTS_MAX);
  }
  let dims = 0;
  for (const { name, shape } of inputs) {
    if (name.length > NAME_MAX) return tooLong("an input", name);
    dims += shape.length;
  }
  if (dims > DIMS_MAX) return tooMany("dimensions", dims, DIMS_MAX);
  if (modelName.length > NAME_MAX) return tooLong("a model", modelName);
  if (id.length > NAME_MAX) return tooLong("the request (its id)", id);
  for (const name of requestedOutputs) if (name.length > NAME_MAX) return tooLong("an output", name);
  for (const name of parameters.keys()) if (name.length > NAME_MAX) return tooLong("a parameter", name);
  return null;
}

function tooMany(what: string, count: number, max: number): ServiceError {
  return new ServiceError(Code.INVALID_ARGUMENT, `request has ${count} ${what}; at most ${max} are taken`);
}

function tooLong(whose: string, name: string): ServiceError {
  const message = `the name of ${whose} has ${name.length} characters; at most ${NAME_MAX} are taken`;
  return new ServiceError(Code.INVALID_ARGUMENT, message);
}
