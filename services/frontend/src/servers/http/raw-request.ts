import { datatypeBytes, encodeBytes, isDataType, type TensorSpec } from "@infaas/api";
import { inferMessage } from "../../query/infer-message";
import type { CatalogModel } from "../../view/catalog";
import { type HttpInferRequest, type InferTarget, JSON_OUTPUTS } from "./infer-request";
import { invalid } from "./json/json-body";

/**
 * Reads a body that has no JSON (`Inference-Header-Content-Length: 0`): all of it is the raw data of the model's one input.
 * The size of its one free axis, which may be the batch, follows from the number of bytes; with two of them the batch is one
 * row. INVALID_ARGUMENT for models with more inputs, and for bytes that are no whole number of rows.
 */
export function readRawRequest(target: InferTarget, body: Buffer, model: CatalogModel): HttpInferRequest {
  const inputs = model.requiredInputs;
  const [input] = inputs;
  if (input === undefined || inputs.length > 1 || input.anyRank) {
    const names = inputs.map(({ name }) => name).join(", ");
    throw invalid(
      `a body without JSON is for models with one input of known axes, '${target.name}' has ${inputs.length}: ${names}`,
    );
  }
  const { name, datatype } = input;
  const isText = datatype === "BYTES";
  const shape = shapeOf(input, model.batched, isText ? 1 : elementsIn(input, body));
  const init = {
    modelName: target.name,
    modelVersion: target.version,
    inputs: [{ name, datatype, shape: shape.map(BigInt) }],
  };
  return { message: inferMessage(init, [isText ? encodeBytes([body]) : body]), form: JSON_OUTPUTS };
}

function elementsIn({ name, datatype }: TensorSpec, body: Buffer): number {
  const bytes = isDataType(datatype) ? (datatypeBytes(datatype) ?? 1) : 1;
  if (body.byteLength % bytes === 0) return body.byteLength / bytes;
  throw invalid(
    `input '${name}': ${body.byteLength} bytes are no whole number of ${datatype} elements of ${bytes}`,
  );
}

function shapeOf({ name, shape }: TensorSpec, batched: boolean, elements: number): number[] {
  const dims = shape.map(Number);
  if (batched && dims.filter((dim) => dim < 0).length > 1) dims[0] = 1;
  const free = dims.filter((dim) => dim < 0).length;
  const fixed = dims.filter((dim) => dim >= 0).reduce((product, dim) => product * dim, 1);
  const size = elements / fixed;
  if (free > 1 || !Number.isInteger(size) || (free === 0 && size !== 1)) {
    throw invalid(
      `input '${name}': the shape of ${elements} elements does not follow from [${shape.join(", ")}]; send it with JSON`,
    );
  }
  return dims.map((dim) => (dim < 0 ? size : dim));
}
