import { type Tensor, tensorFromNumbers } from "@infaas/client";

/** A model that others made and ship in a PyPI package. */
export interface ThirdPartyModel {
  readonly package: string;
  readonly version: string;
  readonly licence: string;
  /** Path of the model in the package's wheel. */
  readonly file: string;
  /** Kind of its input, for the test's name. */
  readonly modality: string;
  /** Takes a quarter of a minute and more: left to the full form of the test. */
  readonly isLong?: boolean;
  /** Name it is registered under; default: that of the file. */
  readonly name?: string;
  /** Why it is served one request at a time; absent = it is batched. */
  readonly unbatched?: RegExp;
  /** Returns an input of the kind it was made for; each seed gives another one. */
  inputs(seed: number): readonly Tensor[];
}

const silero = { package: "silero-vad", version: "6.2.3", licence: "MIT" };
const rapidocr = { package: "rapidocr-onnxruntime", version: "1.4.4", licence: "Apache-2.0" };
const ocr = (file: string) => `rapidocr_onnxruntime/models/${file}`;

/** Eleven models of ten kinds; about 80 MB of packages. */
export const thirdPartyModels: readonly ThirdPartyModel[] = [
  {
    package: "magika",
    version: "1.0.3",
    licence: "Apache-2.0",
    file: "magika/models/standard_v3_3/model.onnx",
    modality: "the bytes of a file",
    isLong: true,
    name: "magika",
    inputs: (seed) => [integers("bytes", "INT32", [1, 2048], (i) => (i * 31 + seed * 7) % 257)],
  },
  {
    ...silero,
    file: "silero_vad/data/silero_vad.onnx",
    modality: "voice, with a state and a sampling rate",
    unbatched: /^input state has a first axis fixed at 2/,
    inputs: (seed) => [
      wave("input", [1, 576], seed),
      wave("state", [2, 1, 128], seed),
      integers("sr", "INT64", [], () => 16_000),
    ],
  },
  {
    ...silero,
    file: "silero_vad/data/silero_vad_16k_sequence.onnx",
    modality: "voice, whose first axis is time",
    unbatched: /^input h has a first axis fixed at 1/,
    inputs: (seed) => [
      wave("input", [5 + seed, 576], seed),
      wave("h", [1, 1, 128], seed),
      wave("c", [1, 1, 128], seed),
    ],
  },
  {
    ...rapidocr,
    file: ocr("ch_PP-OCRv4_det_infer.onnx"),
    modality: "a picture of any size, to find text in",
    isLong: true,
    inputs: (seed) => [wave("x", [1, 3, 96, 160], seed)],
  },
  {
    ...rapidocr,
    file: ocr("ch_PP-OCRv4_rec_infer.onnx"),
    modality: "a picture of a line, to read",
    isLong: true,
    inputs: (seed) => [wave("x", [1, 3, 48, 320], seed)],
  },
  {
    ...rapidocr,
    file: ocr("ch_ppocr_mobile_v2.0_cls_infer.onnx"),
    modality: "a picture of a line, which way up it is",
    inputs: (seed) => [wave("x", [1, 3, 48, 192], seed)],
  },
  {
    package: "basic-pitch",
    version: "0.4.0",
    licence: "Apache-2.0",
    file: "basic_pitch/saved_models/icassp_2022/nmp.onnx",
    modality: "music, to notes",
    isLong: true,
    inputs: (seed) => [wave("serving_default_input_2:0", [1, 43_844, 1], seed)],
  },
  {
    package: "text2tashkeel",
    version: "0.1.0",
    licence: "Apache-2.0",
    file: "text2tashkeel/models/bilstm.int8.onnx",
    modality: "text as ids, in int8 quantised as it runs",
    unbatched: /^DynamicQuantizeLSTM takes its scale from all rows of a batch/,
    inputs: (seed) => [integers("input_ids", "INT64", [1, 24], (i) => (i * 5 + seed) % 30)],
  },
  {
    package: "arabic-name-romanizer",
    version: "0.2.0",
    licence: "MIT",
    file: "arabic_name_romanizer/resources/encoder.onnx",
    modality: "text as ids with a mask",
    name: "name-encoder",
    inputs: (seed) => [
      integers("src", "INT64", [1, 9], (i) => (i * 3 + seed) % 20),
      integers("src_mask", "BOOL", [1, 9], (i) => (i < 7 ? 1 : 0)),
    ],
  },
  {
    package: "atspm-detector",
    version: "1.1.0",
    licence: "MIT",
    file: "atspm_detector/weights/decode_v3.onnx",
    modality: "a row of a table, to a forest of trees",
    inputs: (seed) => [
      tensorFromNumbers(
        "X",
        "FP64",
        [1, 25],
        Array.from({ length: 25 }, (_, i) => Math.cos(i * 1.7 + seed)),
      ),
    ],
  },
  {
    package: "captcha-whisperer",
    version: "0.1.0",
    licence: "MIT",
    file: "captcha_whisperer/models/captcha_crnn.onnx",
    modality: "a picture of letters, answered with time first",
    isLong: true,
    unbatched: /^output logits has its rows on axis 1 of \[20, N, 37\]/,
    inputs: (seed) => [wave("image", [1, 3, 60, 160], seed)],
  },
];

/** Smooth numbers within [-1, 1], another curve for each seed. */
function wave(name: string, shape: readonly number[], seed: number): Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  const values = Array.from(
    { length: count },
    (_, i) => Math.sin(i * (0.01 + seed * 0.003)) * Math.cos(i * 0.0007),
  );
  return tensorFromNumbers(name, "FP32", shape, values);
}

function integers(
  name: string,
  datatype: string,
  shape: readonly number[],
  valueAt: (index: number) => number,
): Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  return tensorFromNumbers(
    name,
    datatype,
    shape,
    Array.from({ length: count }, (_, i) => valueAt(i)),
  );
}
