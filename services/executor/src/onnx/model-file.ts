import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { type ModelProto, ModelProtoSchema } from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";

/** ONNX's own operator set is written as the empty domain or as this name. */
const ONNX_DOMAIN = "ai.onnx";
/** `data_location` of a tensor whose bytes are in another file. */
const EXTERNAL_DATA = 1;

/** An ONNX file that has a graph, as messages. */
export type OnnxModel = ModelProto & { graph: NonNullable<ModelProto["graph"]> };

/**
 * Reads an ONNX file. Fields outside proto/onnx/onnx.proto are kept and written back by `encodeModel`.
 * @throws ServiceError INVALID_ARGUMENT when the bytes are no ONNX model, or its weights are in other files.
 */
export function decodeModel(bytes: Uint8Array): OnnxModel {
  const model = parse(bytes);
  if (!hasGraph(model)) {
    throw new ServiceError(Code.INVALID_ARGUMENT, `model file of ${bytes.length} bytes holds no onnx graph`);
  }
  const external = model.graph.initializer.find((tensor) => tensor.dataLocation === EXTERNAL_DATA);
  if (external) {
    throw new ServiceError(
      Code.INVALID_ARGUMENT,
      `weights of ${external.name} are in another file; a model must be one file`,
    );
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
