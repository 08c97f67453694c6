import { create } from "@bufbuild/protobuf";
import { ExampleFileSchema, encodeBytes, encodeTensorProto } from "@infaas/api";
import type { TensorSignature } from "@infaas/onnx";
import { npyFile, zipFile } from "../../testing/numpy-files";
import { readExamples } from "./read-examples";

const x: TensorSignature = { name: "x", datatype: "FP32", shape: [-1, 2] };
const ids: TensorSignature = { name: "ids", datatype: "INT64", shape: [-1, 1] };
const words: TensorSignature = { name: "words", datatype: "BYTES", shape: [-1] };
const flag: TensorSignature = { name: "flag", datatype: "BOOL", shape: [] };
const all = [x, ids, words, flag];

const file = (name: string, content: string | Uint8Array, input = "") =>
  create(ExampleFileSchema, { name, input, content: new Uint8Array(Buffer.from(content)) });
const floats = (...values: number[]) => Buffer.from(Float32Array.from(values).buffer);
const array = npyFile({ descr: "<f4", shape: [1, 2], bytes: floats(1, 2) });
/** Tensors without their sources, bytes as a Buffer. */
const read = async (inputs: readonly TensorSignature[], ...files: Parameters<typeof file>[]) =>
  (
    await readExamples(
      files.map((one) => file(...one)),
      inputs,
    )
  ).map(({ input, datatype, shape, bytes }) => [
    input,
    datatype,
    shape,
    bytes === null ? null : Buffer.from(bytes),
  ]);

describe("readExamples", () => {
  const wanted = [["x", "FP32", [1, 2], floats(1, 2)]];

  it("gives an array to the input that is named, or to the only one", async () => {
    expect(await read([x], ["a.npy", array])).toEqual(wanted);
    expect(await read(all, ["A.NPY", array, "x"])).toEqual(wanted);
    await expect(read(all, ["a.npy", array])).rejects.toThrow(
      "a.npy: it does not say for which input it is; the model has x FP32 [-1, 2], ids INT64 [-1, 1], words BYTES [-1], flag BOOL []; name one, as in INPUT=FILE",
    );
    await expect(read(all, ["a.npy", array, "y"])).rejects.toThrow(
      "a.npy: 'y' is no input of the model; it has x FP32",
    );
  });

  it("gives arrays of an archive to inputs by name, or by NumPy's own numbers", async () => {
    const packed = (name: string) => zipFile([{ name, bytes: array }]);
    expect(await read([ids, x], ["a.npz", packed("x.npy")])).toEqual(wanted);
    expect(await read([ids, x], ["a.npz", packed("arr_1.npy")])).toEqual(wanted);
    await expect(read([x], ["a.npz", packed("y.npy")])).rejects.toThrow(
      "a.npz: 'y' is no input of the model",
    );
    await expect(read([x], ["a.npz", zipFile([{ name: "x.npy", bytes: Buffer.from("x") }])])).rejects.toThrow(
      "a.npz: x.npy: it is no .npy file",
    );
  });

  it("reads requests in JSON, values or sizes alone", async () => {
    const request = {
      inputs: [
        { name: "x", datatype: "FP32", shape: [1, 2], data: [[1, 2]] },
        { name: "words", shape: [2], data: ["a", "é"] },
        { name: "ids", shape: [3, 1] },
        { name: "flag", data: true },
      ],
    };
    expect(await read(all, ["a.json", JSON.stringify(request)])).toEqual([
      ...wanted,
      ["words", "BYTES", [2], Buffer.from(encodeBytes([Buffer.from("a"), Buffer.from("é")]))],
      ["ids", "INT64", [3, 1], null],
      ["flag", "BOOL", [], Buffer.of(1)],
    ]);
  });

  it("reads arrays in JSON by input, as the model's datatypes", async () => {
    expect(await read(all, ["a.json", '{"x": [[1, 2]], "ids": [["9007199254740993"]]}'])).toEqual([
      ...wanted,
      ["ids", "INT64", [1, 1], Buffer.from(BigInt64Array.of(9007199254740993n).buffer)],
    ]);
  });

  it.each<[string, string]>([
    ["[1, 2", "a.json: it is no JSON"],
    ["[1, 2]", "a.json: it is no object; allowed"],
    ['{"x": [[1], [2, 3]]}', "input 'x': data has 3 elements, shape [2, 1] takes 2"],
    ['{"x": [["one"]]}', `input 'x': element 0 is "one"; allowed for FP32: numbers`],
    ['{"inputs": [{"name": "x", "datatype": "FP8", "data": 1}]}', `input 'x': datatype "FP8" is unknown`],
    [
      '{"inputs": [{"name": "x", "shape": [1e9, 1e9]}]}',
      "input 'x': shape is [1000000000,1000000000], a list",
    ],
    ['{"inputs": [{"shape": [1]}]}', "a.json: an input has no name"],
  ])("refuses %s", async (text, sentence) => {
    await expect(read(all, ["a.json", text])).rejects.toThrow(sentence);
  });

  it("reads tables: columns by input, or all as the only input", async () => {
    expect(await read(all, ["a.csv", 'ids,words,"flag"\n7,"one, two",1\n-8,,0\n'])).toEqual([
      ["ids", "INT64", [2, 1], Buffer.from(BigInt64Array.of(7n, -8n).buffer)],
      ["words", "BYTES", [2], Buffer.from(encodeBytes([Buffer.from("one, two"), Buffer.from("")]))],
      ["flag", "BOOL", [2, 1], Buffer.of(1, 0)],
    ]);
    const numbers = floats(1, Number.NaN, 3, Number.NEGATIVE_INFINITY);
    const table = "\ufeffheight,width\r\n1,nan\r\n3,-inf\r\n";
    expect(await read([x], ["a.csv", table])).toEqual([["x", "FP32", [2, 2], numbers]]);
    expect(await read(all, ["a.csv", table, "x"])).toEqual([["x", "FP32", [2, 2], numbers]]);
  });

  it.each<[string, string]>([
    ["a,b\n1,2\n1\n", "a.csv: Invalid Record Length"],
    ["a,b\n", "a.csv: it has no rows below its line of names"],
    ["a,b\n1,2\n3,wide\n", `input 'x', line 3: element 3 is "wide"; allowed for FP32`],
    ["a,b\n1,\n", `input 'x', line 2: element 1 is ""; allowed for FP32`],
  ])("refuses the table %j", async (text, sentence) => {
    await expect(read([x], ["a.csv", text])).rejects.toThrow(sentence);
  });

  it("reads tensors of ONNX by name, by number, or as the only input's", async () => {
    const tensor = (name: string) => {
      const encoded = encodeTensorProto({ name, datatype: "FP32", shape: [1, 2], bytes: floats(1, 2) });
      return encoded.ok ? encoded.value : new Uint8Array();
    };
    expect(await read(all, ["input_3.pb", tensor("x")])).toEqual(wanted);
    expect(await read([ids, x], ["test_data_set_0/input_1.pb", tensor("")])).toEqual(wanted);
    expect(await read([x], ["a.pb", tensor("other")])).toEqual(wanted);
    await expect(read(all, ["a.pb", tensor("other")])).rejects.toThrow(
      "a.pb: it does not say for which input",
    );
  });

  it("refuses two files for one input, and another ending", async () => {
    await expect(read([x], ["a.npy", array], ["b.json", '{"x": [[1, 2]]}'])).rejects.toThrow(
      "b.json: input 'x' is also in a.npy",
    );
    await expect(read([x], ["a.txt", array])).rejects.toThrow("a.txt: its ending is that of no format");
  });
});
