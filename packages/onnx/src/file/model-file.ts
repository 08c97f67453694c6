import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { type ModelProto, ModelProtoSchema } from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";

/** ONNX's own operator set is written as the empty domain or as this name. */
const ONNX_DOMAIN = "ai.onnx";

/** An ONNX file that has a graph, as messages. */
export type OnnxModel = ModelProto & { graph: NonNullable<ModelProto["graph"]> };

/**
 * Reads an ONNX file. Fields outside proto/onnx/onnx.proto are kept and written back by `encodeModel`; weights that are in
 * other files are not read.
 * @throws ServiceError INVALID_ARGUMENT when the bytes are no ONNX model.
 */
export function decodeModel(bytes: Uint8Array): OnnxModel {
  const model = parse(bytes);
  if (!hasGraph(model)) {
    throw new ServiceError(Code.INVALID_ARGUMENT, `model file of ${bytes.length} bytes holds no onnx graph`);
  }
  return model;
}

/** The bytes of an ONNX file. */
export function encodeModel(model: ModelProto): Uint8Array {
  return toBinary(ModelProtoSchema, model);
}

/** Version of ONNX's own operator set that the model was written against; 1 when it does not say. */
export function opsetOf(model: ModelProto): number {
  const own = model.opsetImport.find(({ domain = "" }) => domain === "" || domain === ONNX_DOMAIN);
  return Number(own?.version ?? 1n);
}

function parse(bytes: Uint8Array): ModelProto {
  try {
    return fromBinary(ModelProtoSchema, bytes);
  } catch (cause) {
    throw new ServiceError(
      Code.INVALID_ARGUMENT,
      `model file of ${bytes.length} bytes is not an onnx model`,
      {
        cause,
      },
    );
  }
}

function hasGraph(model: ModelProto): model is OnnxModel {
  return model.graph !== undefined;
}
