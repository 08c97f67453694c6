import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatOfFile, mustBeOnnx } from "./model-format";

const folder = mkdtempSync(join(tmpdir(), "infaas-format-"));
const latin = (text: string) => Buffer.from(text, "latin1");
/** A zip archive as far as it is looked at: a file's head in front, names behind. */
const zip = (...names: string[]) =>
  Buffer.concat([latin("PK\x03\x04"), Buffer.alloc(200_000), latin(names.join("PK\x01\x02"))]);
const header = latin('{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}');
const length = Buffer.alloc(8);
length.writeBigUInt64LE(BigInt(header.length));

/** Fields of protobuf: number and content, or number and a small integer. */
function message(...fields: readonly (readonly [number, Buffer | number])[]): Buffer {
  return Buffer.concat(
    fields.map(([number, value]) => {
      if (typeof value === "number") return Buffer.concat([varint(number * 8), varint(value)]);
      return Buffer.concat([varint(number * 8 + 2), varint(value.length), value]);
    }),
  );
}

function varint(value: number): Buffer {
  return value < 128
    ? Buffer.from([value])
    : Buffer.concat([Buffer.from([(value % 128) + 128]), varint(Math.floor(value / 128))]);
}

const node = message([1, latin("conv1")], [2, latin("Conv2D")]);

describe("mustBeOnnx", () => {
  it.each([
    ["torch.save", zip("archive/data.pkl", "archive/data/0"), "PyTorch", "torch.onnx.export"],
    ["torch.save of old", latin("\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."), "PyTorch", "torch.onnx.export"],
    ["Keras 3", zip("metadata.json", "config.json", "model.weights.h5"), "Keras", 'format="onnx"'],
    ["HDF5", latin("\x89HDF\r\n\x1a\n\0\0"), "Keras", 'format="onnx"'],
    [
      "safetensors",
      Buffer.concat([length, header, Buffer.alloc(4)]),
      "safetensors",
      "optimum-cli export onnx",
    ],
    ["a plan", latin("ftrt\0\0\0\0"), "TensorRT", "the ONNX file it was built from"],
    ["TFLite", latin("\x1c\0\0\0TFL3\0\0"), "TensorFlow Lite", "--tflite FILE"],
    [
      "joblib",
      latin("\x80\x04\x95\x20\0\0\0\0\0\0\0\x8c\x1esklearn.linear_model._logistic"),
      "scikit-learn",
      "skl2onnx",
    ],
    ["joblib, compressed", latin("\x78\x9c\x6b\x60"), "scikit-learn", "skl2onnx"],
    ["XGBoost", latin("\x80\x04\x95\x20\0\0\0\0\0\0\0\x8c\x0fxgboost.sklearn"), "XGBoost", "convert_xgboost"],
    ["a pickle", latin("\x80\x04K\x01."), "Python pickle", "torch.onnx.export"],
    [
      "Core ML",
      message([1, 4], [2, message([1, node])], [500, node]),
      "Core ML",
      "export the model it was converted from",
    ],
    [
      "a frozen graph",
      message([1, node], [1, node], [4, message([1, 987])]),
      "frozen TensorFlow",
      "--graphdef FILE",
    ],
    ["SavedModel's own file", message([1, 1], [2, message([2, node])]), "SavedModel", "--saved-model FOLDER"],
    ["a pointer", latin("version https://git-lfs.github.com/spec/v1\n"), "Git LFS pointer", "git lfs pull"],
    ["a page", latin("<!DOCTYPE html><html>"), "web page", "download"],
    ["gzip", latin("\x1f\x8b\x08\0"), "compressed archive", "unpack"],
    ["any zip", zip("model.onnx"), "compressed archive", "unpack"],
  ])("refuses %s with what to do", (name, bytes, format, instead) => {
    const path = join(folder, `${name}.onnx`);
    writeFileSync(path, bytes);
    expect(() => mustBeOnnx(path)).toThrow(new RegExp(`is an? .*${format}.*; an ONNX file is needed: `));
    expect(() => mustBeOnnx(path)).toThrow(instead);
  });

  it("knows the folder of a SavedModel", () => {
    const path = join(folder, "saved");
    mkdirSync(path);
    writeFileSync(join(path, "saved_model.pb"), message([1, 1], [2, node]));
    expect(() => mustBeOnnx(path)).toThrow("is a TensorFlow SavedModel");
  });

  const models = join(__dirname, "..", "..", "..", "zoo", "models");
  it.each(readdirSync(models).filter((name) => name.endsWith(".onnx")))("lets %s of the zoo pass", (name) => {
    expect(() => mustBeOnnx(join(models, name))).not.toThrow();
  });

  it.each([
    ["an ONNX file", message([1, 8], [2, latin("pytorch")], [7, node], [8, message([2, 17])])],
    ["an ONNX file whose graph is first", message([7, node], [1, 8])],
    ["half an ONNX file", message([1, 8], [2, latin("pytorch")], [7, Buffer.alloc(99)]).subarray(0, 50)],
    ["words", latin("this is no model")],
    ["one byte", latin("x")],
  ])("says nothing of %s", (name, bytes) => {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    expect(formatOfFile(path)).toBeNull();
  });
});
