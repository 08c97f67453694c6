import { closeSync, existsSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { Code, ServiceError } from "@infaas/runtime";
import { mustBeFile } from "./named-file";
import { topLevelFields } from "./protobuf-fields";

/** A format that is not served, and how a model of it becomes an ONNX file. */
export interface ForeignFormat {
  readonly name: string;
  /** Command or call that exports it, or what else to do. */
  readonly instead: string;
}

const TORCH =
  'in Python: torch.onnx.export(model, (example,), "model.onnx", dynamo=True), after torch.load or torch.jit.load';
const TF_MODEL = "python -m tf2onnx.convert --saved-model FOLDER --output model.onnx";
const SKLEARN =
  'in Python: skl2onnx.to_onnx(estimator, X[:1]), after joblib.load or pickle.load; write its SerializeToString() to "model.onnx"';

const pytorch = { name: "a PyTorch file", instead: TORCH };
const savedModel = { name: "a TensorFlow SavedModel", instead: TF_MODEL };
const frozenGraph = {
  name: "a frozen TensorFlow graph",
  instead: "python -m tf2onnx.convert --graphdef FILE --inputs NAME:0 --outputs NAME:0 --output model.onnx",
};
const keras = {
  name: "a Keras file",
  instead: 'in Python: keras.saving.load_model(FILE).export("model.onnx", format="onnx")',
};
const safetensors = {
  name: "a safetensors file, which holds weights and no graph",
  instead: "optimum-cli export onnx --model FOLDER OUTPUT, with the folder of its config.json",
};
const plan = {
  name: "a TensorRT plan, which runs on one kind of GPU only",
  instead: "register the ONNX file it was built from; TensorRT variants are made of it here",
};
const tflite = {
  name: "a TensorFlow Lite file",
  instead: "python -m tf2onnx.convert --tflite FILE --output model.onnx",
};
const scikit = { name: "a pickled scikit-learn estimator", instead: SKLEARN };
const boosted = {
  name: "a pickled XGBoost or LightGBM model",
  instead: "in Python: onnxmltools.convert_xgboost or onnxmltools.convert_lightgbm, after pickle.load",
};
const pickle = {
  name: "a Python pickle",
  instead: `of a PyTorch module ${TORCH}; of a scikit-learn estimator ${SKLEARN}`,
};
const coreml = {
  name: "a Core ML model",
  instead: "export the model it was converted from; Core ML itself has no exporter to ONNX",
};
const archive = { name: "a compressed archive", instead: "unpack it, and register the ONNX file in it" };
const lfsPointer = { name: "a Git LFS pointer, not the file itself", instead: "git lfs pull" };
const webPage = { name: "a web page, not the file it links to", instead: "download the file itself" };

/** Bytes looked at at either end of a file. */
const LOOK_BYTES = 64 * 1024;

/**
 * Refuses a file that is no ONNX file by what its first bytes say, before anything is uploaded; one that they say nothing of
 * passes.
 * @throws ServiceError INVALID_ARGUMENT with the command that exports it to ONNX, or why it cannot be read.
 */
export function mustBeOnnx(path: string): void {
  const format = existsSync(path) && statSync(path).isDirectory() ? formatOfFolder(path) : null;
  if (format === null) mustBeFile("FILE.onnx", path);
  const found = format ?? formatOfFile(path);
  if (found === null) return;
  const sentence = `${path} is ${found.name}; an ONNX file is needed: ${found.instead}`;
  throw new ServiceError(Code.INVALID_ARGUMENT, sentence);
}

function formatOfFolder(path: string): ForeignFormat | null {
  if (existsSync(join(path, "saved_model.pb"))) return savedModel;
  return existsSync(join(path, "Manifest.json")) && existsSync(join(path, "Data")) ? coreml : null;
}

/** The format that a file's bytes are in; null where they say nothing. Throws what the file system says. */
export function formatOfFile(path: string): ForeignFormat | null {
  const file = openSync(path, "r");
  try {
    const { size } = fstatSync(file);
    const read = (offset: number, length: number) => {
      const bytes = Buffer.alloc(Math.max(0, Math.min(length, size - offset)));
      return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, offset));
    };
    const head = read(0, LOOK_BYTES);
    // A zip archive lists its files at its end.
    const listing = () => Buffer.concat([head, read(Math.max(0, size - LOOK_BYTES), LOOK_BYTES)]);
    return formatByMagic(head) ?? formatOfZip(head, listing) ?? formatOfProtobuf(size, read);
  } finally {
    closeSync(file);
  }
}

const magics: readonly (readonly [offset: number, bytes: string, format: ForeignFormat])[] = [
  [0, "\x89HDF\r\n\x1a\n", keras],
  [4, "TFL3", tflite],
  [0, "ftrt", plan],
  [0, "ptrt", plan],
  [0, "\x1f\x8b", archive],
  [0, "\xfd7zXZ\0", archive],
  [257, "ustar", archive],
  [0, "version https://git-lfs", lfsPointer],
  [0, "<!DOCTYPE html", webPage],
  [0, "<!doctype html", webPage],
  [0, "<html", webPage],
];

/** Magic number of torch.save before PyTorch 1.6: a pickled integer. */
const TORCH_LEGACY = "\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19";

function formatByMagic(head: Buffer): ForeignFormat | null {
  const starts = (bytes: string, offset = 0) =>
    head.subarray(offset, offset + bytes.length).toString("latin1") === bytes;
  const found = magics.find(([offset, bytes]) => starts(bytes, offset));
  if (found !== undefined) return found[2];
  if (starts(TORCH_LEGACY)) return pytorch;
  if (head[0] === 0x80 && (head[1] ?? 0) >= 2 && (head[1] ?? 0) <= 5) return formatOfPickle(head);
  // joblib.dump with compress: zlib, whose first two bytes are a multiple of 31.
  if (head[0] === 0x78 && head.length > 1 && head.readUInt16BE(0) % 31 === 0) return scikit;
  const isHeader = head.length > 8 && head[8] === 0x7b && head.readBigUInt64LE(0) < 100_000_000n;
  return isHeader ? safetensors : null;
}

function formatOfPickle(head: Buffer): ForeignFormat {
  if (head.includes("xgboost") || head.includes("lightgbm")) return boosted;
  if (head.includes("sklearn") || head.includes("joblib")) return scikit;
  return head.includes("torch") ? pytorch : pickle;
}

function formatOfZip(head: Buffer, listing: () => Buffer): ForeignFormat | null {
  if (head.subarray(0, 4).toString("latin1") !== "PK\x03\x04") return null;
  const names = listing();
  if (names.includes("model.weights.h5")) return keras;
  const isTorch = ["/data.pkl", "/constants.pkl", "/archive_format"].some((name) => names.includes(name));
  return isTorch ? pytorch : archive;
}

/** Fields of ONNX's ModelProto end at 26; Core ML's Model has its kinds of model from 200. */
const CORE_ML_FIELDS_FROM = 200;
const ONNX_GRAPH = 7;

function formatOfProtobuf(
  size: number,
  read: (offset: number, length: number) => Buffer,
): ForeignFormat | null {
  const fields = topLevelFields(size, read);
  if (fields === null || fields.has(ONNX_GRAPH)) return null;
  const numbers = [...fields.keys()];
  if (numbers.some((number) => number >= CORE_ML_FIELDS_FROM)) return coreml;
  if (fields.get(1) === "message" && numbers.every((number) => number <= 4)) return frozenGraph;
  // SavedModel: the version of its schema, then graphs.
  const isSaved = fields.get(1) === "varint" && fields.get(2) === "message" && fields.size === 2;
  return isSaved ? savedModel : null;
}
