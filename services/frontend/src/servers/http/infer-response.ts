import { fromBinary } from "@bufbuild/protobuf";
import {
  decodeJsonData,
  elementCount,
  type InferParameter,
  type ModelInferResponse,
  ModelInferResponseSchema,
} from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";
import type { OutputForm } from "./infer-request";
import type { Reply } from "./reply";

/** Most elements that one answer writes as JSON: a million take 100 ms of the one thread that all queries share. */
export const JSON_ELEMENTS_MAX = 1_048_576;

/** The header that says where the JSON of a body ends and its binary data begins. */
export const HEAD_LENGTH_HEADER = "inference-header-content-length";

/**
 * Writes ModelInferResponse bytes as HTTP has them: JSON, with the outputs that are wanted so as raw bytes behind it.
 * INVALID_ARGUMENT for outputs that JSON cannot hold (too many elements, BYTES that are no text): ask for them as binary.
 */
export function writeInferResponse(message: Uint8Array, form: OutputForm): Reply {
  const response = fromBinary(ModelInferResponseSchema, message);
  mustFitJson(response, form);
  const binary: Uint8Array[] = [];
  const outputs = response.outputs.map((output, i) => {
    const raw = response.rawOutputContents[i] ?? new Uint8Array();
    const { name, datatype, shape } = output;
    const parameters = plainParameters(output.parameters);
    const head = { name, datatype, shape: shape.map(Number) };
    const place = form.sharedMemory(name);
    if (place !== null) return JSON.stringify({ ...head, parameters: { ...parameters, ...place } });
    if (form.isBinary(name)) {
      binary.push(raw);
      return JSON.stringify({ ...head, parameters: { ...parameters, binary_data_size: raw.byteLength } });
    }
    const data = decodeJsonData(datatype, raw);
    if (!data.ok) throw new ServiceError(Code.INVALID_ARGUMENT, `output '${name}': ${data.fault}`);
    const some = Object.keys(parameters).length > 0;
    return `${JSON.stringify(some ? { ...head, parameters } : head).slice(0, -1)},"data":${data.value}}`;
  });
  const json = Buffer.from(`${headOf(response).slice(0, -1)},"outputs":[${outputs.join(",")}]}`);
  if (binary.length === 0) {
    const headers = { "content-type": "application/json" };
    return { status: 200, headers, parts: [json], compressible: true };
  }
  const headers = { "content-type": "application/octet-stream", [HEAD_LENGTH_HEADER]: json.byteLength };
  return { status: 200, headers, parts: [json, ...binary], compressible: true };
}

function headOf({ id, modelName, modelVersion, parameters }: ModelInferResponse): string {
  return JSON.stringify({
    ...(id === "" ? {} : { id }),
    model_name: modelName,
    model_version: modelVersion,
    parameters: plainParameters(parameters),
  });
}

function mustFitJson({ outputs }: ModelInferResponse, form: OutputForm): void {
  const written = outputs.filter(({ name }) => !form.isBinary(name) && form.sharedMemory(name) === null);
  const count = written.reduce((sum, { shape }) => sum + elementCount(shape.map(Number)), 0);
  if (count <= JSON_ELEMENTS_MAX) return;
  const names = written.map(({ name }) => name).join(", ");
  throw new ServiceError(
    Code.INVALID_ARGUMENT,
    `outputs ${names} have ${count} elements, at most ${JSON_ELEMENTS_MAX} are written as JSON; ask for binary_data`,
  );
}

function plainParameters(parameters: Readonly<Record<string, InferParameter>>) {
  const plain: Record<string, string | number | boolean> = {};
  for (const [name, { parameterChoice }] of Object.entries(parameters)) {
    const { value } = parameterChoice;
    if (value !== undefined) plain[name] = typeof value === "bigint" ? Number(value) : value;
  }
  return plain;
}
