/** The costliest messages that were found so far, each as what it is made of. */

function repeated(head: string, part: string, times: number, tail = ""): Buffer {
  return Buffer.concat([Buffer.from(head), Buffer.alloc(part.length * times, part), Buffer.from(tail)]);
}

function bytesRepeated(part: readonly number[], times: number): Buffer {
  return Buffer.alloc(part.length * times, Buffer.from(part));
}

export const finds = {
  protobuf: [
    // Empty inputs, outputs and parameters; fields that nobody knows; numbers, not packed.
    bytesRepeated([0x2a, 0x00], 500_000),
    bytesRepeated([0x32, 0x00], 500_000),
    bytesRepeated([0x22, 0x00], 500_000),
    bytesRepeated([0xf8, 0x07, 0x01], 500_000),
    bytesRepeated([0x3a, 0x00], 500_000),
  ],
  onnx: [
    // A graph of four million empty nodes; as many fields of the model itself.
    Buffer.concat([Buffer.from([0x3a, 0x80, 0x80, 0x80, 0x04]), bytesRepeated([0x0a, 0x00], 2 ** 22)]),
    bytesRepeated([0x08, 0x01], 2 ** 22),
  ],
  json: [
    repeated('{"inputs":[', "{},", 30_000, "{}]}"),
    repeated('{"inputs":[{"data":[', '"",', 30_000, '""]}]}'),
    repeated("[", "[", 30_000),
    repeated('{"a":"', "\\u0041", 600_000, '"}'),
    repeated('{"a":[', "1e9,", 900_000, "1]}"),
    repeated('{"a":[', "NaN,", 30_000, "1]}"),
    repeated('{"a":[', "12345678901234567,", 30_000, "1]}"),
    // Data of an input: short numbers, long ones, and such as are read in vain.
    repeated('{"inputs":[{"name":"x","datatype":"FP32","shape":[2000001],"data":[', "7,", 2_000_000, "1]}]}"),
    repeated('{"inputs":[{"name":"x","datatype":"FP16","shape":[2000001],"data":[', "7,", 2_000_000, "1]}]}"),
    repeated(
      '{"inputs":[{"name":"x","datatype":"INT64","shape":[2000001],"data":[',
      "7,",
      2_000_000,
      "1]}]}",
    ),
    repeated('{"inputs":[{"name":"x","datatype":"FP64","shape":[262145],"data":[', "1e99,", 262_144, "1]}]}"),
    repeated('{"inputs":[{"data":[', "1e99,", 800_000, "true]}]}"),
    // Numbers beside data were counted to the last before they were refused; words for numbers.
    repeated('{"inputs":[', "7,", 2_000_000, "1]}"),
    repeated(
      '{"inputs":[{"name":"x","datatype":"FP32","shape":[1000001],"data":[',
      "NaN,",
      1_000_000,
      "1]}]}",
    ),
  ],
} as const;
