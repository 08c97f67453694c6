import { fromBinary } from "@bufbuild/protobuf";
import {
  elementCount,
  type InferParameter,
  jsonPieces,
  type ModelInferResponse,
  ModelInferResponseSchema,
} from "@infaas/api";
import { Code, nextTurn, ServiceError } from "@infaas/runtime";
import type { OutputForm } from "./infer-request";
import type { Reply } from "./reply";

/** Most elements that one answer writes as JSON: a million take 100 ms of the one thread that all queries share, in turns. */
export const JSON_ELEMENTS_MAX = 1_048_576;

/** The header that says where the JSON of a body ends and its binary data begins. */
export const HEAD_LENGTH_HEADER = "inference-header-content-length";

/**
 * Writes ModelInferResponse bytes as HTTP has them: JSON, with the outputs that are wanted so as raw bytes behind it. Others who
 * share the thread have their turn between parts of a large one.
 * INVALID_ARGUMENT for outputs that JSON cannot hold (too many elements, BYTES that are no text): ask for them as binary.
 */
export async function writeInferResponse(message: Uint8Array, form: OutputForm): Promise<Reply> {
  const response = fromBinary(ModelInferResponseSchema, message);
  mustFitJson(response, form);
  const binary: Uint8Array[] = [];
  const texts = [`${headOf(response).slice(0, -1)},"outputs":[`];
  for (const [i, output] of response.outputs.entries()) {
    const raw = response.rawOutputContents[i] ?? new Uint8Array();
    const { name, datatype, shape } = output;
    const parameters = plainParameters(output.parameters);
    const head = { name, datatype, shape: shape.map(Number) };
    const place = form.sharedMemory(name);
    if (i > 0) texts.push(",");
    if (place !== null) texts.push(JSON.stringify({ ...head, parameters: { ...parameters, ...place } }));
    else if (form.isBinary(name)) {
      binary.push(raw);
      texts.push(
        JSON.stringify({ ...head, parameters: { ...parameters, binary_data_size: raw.byteLength } }),
      );
    } else {
      const some = Object.keys(parameters).length > 0;
      texts.push(JSON.stringify(some ? { ...head, parameters } : head).slice(0, -1), ',"data":');
      await writeData(texts, output, raw);
      texts.push("}");
    }
  }
  texts.push("]}");
  const json = Buffer.from(texts.join(""));
  if (binary.length === 0) {
    const headers = { "content-type": "application/json" };
    return { status: 200, headers, parts: [json], compressible: true };
  }
  const headers = { "content-type": "application/octet-stream", [HEAD_LENGTH_HEADER]: json.byteLength };
  return { status: 200, headers, parts: [json, ...binary], compressible: true };
}

async function writeData(
  texts: string[],
  { name, datatype }: ModelInferResponse["outputs"][number],
  raw: Uint8Array,
): Promise<void> {
  let written = 0;
  for (const piece of jsonPieces(datatype, raw)) {
    if (!piece.ok) throw new ServiceError(Code.INVALID_ARGUMENT, `output '${name}': ${piece.fault}`);
    // Little data is one piece and its bracket.
    if (written > 1) await nextTurn();
    texts.push(piece.value);
    written += 1;
  }
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
