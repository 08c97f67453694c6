import { create } from "@bufbuild/protobuf";
import { ModelRepositoryParameterSchema } from "@infaas/api";
import { readLoadFiles } from "./load-files";

const file = (text: string) =>
  create(ModelRepositoryParameterSchema, {
    parameterChoice: { case: "bytesParam", value: new TextEncoder().encode(text) },
  });
const config = create(ModelRepositoryParameterSchema, {
  parameterChoice: { case: "stringParam", value: "{}" },
});

describe("readLoadFiles", () => {
  it("finds the model, its version and the files it takes weights from", () => {
    const read = readLoadFiles({
      config,
      "file:12/model.onnx": file("onnx"),
      "file:12/weights/layer0.bin": file("w"),
    });
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    if (!read.ok || read.files === null) throw new Error("files were not found");
    const { version, model, externalData } = read.files;
    expect([version, text(model)]).toEqual([12, "onnx"]);
    expect(externalData.map(({ name, bytes }) => [name, text(bytes)])).toEqual([["weights/layer0.bin", "w"]]);
  });

  it("reads what the owner says of batches, with files only", () => {
    const batchable = create(ModelRepositoryParameterSchema, {
      parameterChoice: { case: "boolParam", value: true },
    });
    const read = readLoadFiles({ batchable, "file:1/model.onnx": file("onnx") });
    expect(read).toMatchObject({ ok: true, files: { batchable: true } });
    const alone = readLoadFiles({ batchable });
    expect(alone).toEqual({ ok: false, fault: expect.stringContaining("none came") });
  });

  it("finds examples of all inputs and of one, and what a warmup names", () => {
    const read = readLoadFiles({
      "file:1/model.onnx": file("onnx"),
      "file:examples.npz": file("all"),
      "file:examples/serving/input:0.npy": file("one"),
      "file:warmup/raw/x": file("raw"),
    });
    if (!read.ok || read.files === null) throw new Error("files were not found");
    const { examples, warmup, externalData } = read.files;
    expect(examples.map(({ input, name }) => [input, name])).toEqual([
      ["", "examples.npz"],
      ["serving/input:0", "examples/serving/input:0.npy"],
    ]);
    expect([warmup.map(({ name }) => name), externalData]).toEqual([["raw/x"], []]);
  });

  it("finds none where none came", () => {
    expect(readLoadFiles({ config })).toEqual({ ok: true, files: null });
  });

  it.each<[string, Record<string, ReturnType<typeof file>>, string]>([
    ["a file outside of any version", { "file:model.onnx": file("") }, "is no file of a model"],
    ["a version that is no number", { "file:latest/model.onnx": file("") }, "is no file of a model"],
    ["version 0", { "file:0/model.onnx": file("") }, "is no file of a model"],
    ["an absolute path", { "file:/etc/passwd": file("") }, "is no file of a model"],
    ["text instead of bytes", { "file:1/model.onnx": config }, "must be a bytes_param"],
    ["examples of another ending", { "file:examples.parquet": file("") }, "is no file of a model"],
    ["examples alone", { "file:examples.npz": file("") }, "'examples.npz' came without a model"],
    ["a warmup alone", { "file:warmup/x": file("") }, "'x' came without a model"],
    ["no model", { "file:1/net.pt": file("") }, "no 'file:1/model.onnx' came"],
    ["two versions", { "file:1/model.onnx": file(""), "file:2/model.onnx": file("") }, "versions 1, 2 came"],
    [
      "a step upwards",
      { "file:1/model.onnx": file(""), "file:1/../../x": file("") },
      "is no path below the model's folder",
    ],
    [
      "a backslash",
      { "file:1/model.onnx": file(""), "file:1/a\\b": file("") },
      "has a backslash, a colon or a zero",
    ],
  ])("refuses %s", (_what, parameters, sentence) => {
    expect(readLoadFiles(parameters)).toEqual({ ok: false, fault: expect.stringContaining(sentence) });
  });
});
