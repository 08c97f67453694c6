import { decodeTensorProto, encodeBytes } from "@infaas/api";
import { readWarmup } from "./load-warmup";

const read = (inputs: object, files: Record<string, Uint8Array> = {}, ...more: object[]) => {
  const config = { model_warmup: [{ name: "w", batch_size: 1, inputs }, ...more] };
  const named = Object.entries(files).map(([name, bytes]) => ({ name, bytes }));
  return readWarmup(JSON.stringify(config), named);
};
const tensorIn = (content: Uint8Array | undefined) => {
  const tensor = decodeTensorProto(content ?? new Uint8Array());
  return tensor.ok ? { ...tensor.value, bytes: [...tensor.value.bytes] } : tensor;
};

describe("readWarmup", () => {
  it("finds none where a config says nothing of it", () => {
    expect(readWarmup("{}", [])).toEqual({ ok: true, examples: [] });
  });

  it("makes tensors of files and zeros, and sizes of what is random", () => {
    const made = read(
      {
        ids: { data_type: "TYPE_INT32", dims: [2], input_data_file: "ids" },
        flag: { data_type: "TYPE_BOOL", dims: [3], zero_data: true },
        image: { data_type: "TYPE_FP32", dims: ["3", "224", "224"], random_data: true },
      },
      { ids: Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0) },
    );
    const examples = made.ok ? made.examples : [];
    expect(examples.map(({ input, name }) => [input, name])).toEqual([
      ["ids", "model_warmup.pb"],
      ["flag", "model_warmup.pb"],
      ["", "model_warmup.json"],
    ]);
    const [ids, flag, image] = examples;
    expect(tensorIn(ids?.content)).toEqual({
      name: "ids",
      datatype: "INT32",
      shape: [2],
      bytes: [1, 0, 0, 0, 2, 0, 0, 0],
    });
    expect(tensorIn(flag?.content)).toEqual({ name: "flag", datatype: "BOOL", shape: [3], bytes: [0, 0, 0] });
    expect(JSON.parse(Buffer.from(image!.content!).toString())).toEqual({
      inputs: [{ name: "image", datatype: "FP32", shape: [3, 224, 224] }],
    });
  });

  it("makes strings of files, and empty ones of zeros", () => {
    const two = encodeBytes([Buffer.from("a"), Buffer.from("bc")]);
    const made = read(
      {
        words: { data_type: "TYPE_STRING", dims: [2], input_data_file: "words.raw" },
        none: { data_type: "TYPE_STRING", dims: [1], zero_data: true },
      },
      { "words.raw": two },
    );
    const [words, none] = made.ok ? made.examples : [];
    expect(tensorIn(words?.content)).toMatchObject({ datatype: "BYTES", bytes: [...two] });
    expect(tensorIn(none?.content)).toMatchObject({ datatype: "BYTES", bytes: [0, 0, 0, 0] });
  });

  it("takes the first sample of several", () => {
    const second = { name: "other", inputs: { y: { data_type: "TYPE_FP32", dims: [1], zero_data: true } } };
    const made = read({ x: { data_type: "TYPE_FP32", dims: [1], zero_data: true } }, {}, second);
    expect(made.ok && made.examples.map(({ input }) => input)).toEqual(["x"]);
  });

  it.each<[string, ReturnType<typeof read>, string]>([
    [
      "a file that did not come",
      read({ x: { data_type: "TYPE_FP32", dims: [1], input_data_file: "x" } }),
      "config: model_warmup of input 'x' names 'x', and no 'file:warmup/x' came",
    ],
    ["a file that nothing names", read({}, { x: Uint8Array.of(1) }), "'file:warmup/x' is no input_data_file"],
    ["no datatype", read({ x: { dims: [1], zero_data: true } }), "'x' has no data_type"],
    [
      "a free axis",
      read({ x: { data_type: "TYPE_FP32", dims: [-1], zero_data: true } }),
      "has dims [-1]; sizes from 0 are allowed",
    ],
    [
      "more zeros than are taken, which are not made",
      read({ x: { data_type: "TYPE_FP64", dims: [1e6, 1e6], zero_data: true } }),
      "which take 8000000000000 bytes; at most 16777216",
    ],
    [
      "broken strings",
      read({ x: { data_type: "TYPE_STRING", dims: [1], input_data_file: "x" } }, { x: Uint8Array.of(9, 0) }),
      "BYTES element 0 goes beyond the 2 bytes sent",
    ],
    ["what is no config", readWarmup("{", []), "config is no ModelConfig in JSON"],
  ])("refuses %s", (_what, made, sentence) => {
    expect(made).toEqual({ ok: false, fault: expect.stringContaining(sentence) });
  });
});
