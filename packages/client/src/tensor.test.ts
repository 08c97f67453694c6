import { numbersOf, tensorFromNumbers, tensorFromTexts, textsOf } from "./tensor";

describe("tensorFromNumbers", () => {
  it.each([
    ["FP32", [1.5, -2, 0.25, 3]],
    ["FP64", [1.1, -2, 0.25, 3]],
    ["INT64", [1, -2, 2 ** 40, 0]],
    ["UINT64", [1, 2, 2 ** 40, 0]],
    ["UINT8", [0, 1, 254, 255]],
    ["BOOL", [0, 1, 1, 0]],
    ["FP16", [1.5, -2, 0.25, 65_504]],
    ["BF16", [1.5, -2, 0.25, 2 ** 100]],
  ])("gives back the %s values it was given", (datatype, values) => {
    expect(numbersOf(tensorFromNumbers("x", datatype, [2, 2], values))).toEqual(values);
  });

  it("names the tensor and both counts when values are missing", () => {
    expect(() => tensorFromNumbers("x", "FP32", [2, 3], [1, 2])).toThrow(
      "tensor 'x' of shape [2,3] needs 6 values, 2 were given",
    );
  });

  it("refuses a datatype without a number form", () => {
    expect(() => tensorFromNumbers("x", "BYTES", [1], [1])).toThrow("BYTES");
  });
});

describe("tensorFromTexts and textsOf", () => {
  it("give back any texts", () => {
    const texts = ["", "zero\0", "ünïcödé"];
    const tensor = tensorFromTexts("x", [3], texts);
    expect(tensor.datatype).toBe("BYTES");
    expect(textsOf(tensor)).toEqual(texts);
    expect(() => tensorFromTexts("x", [2], texts)).toThrow("needs 2 values, 3 were given");
  });

  it("refuse bytes that are no whole strings", () => {
    const tensor = { name: "x", datatype: "BYTES", shape: [1], bytes: Uint8Array.of(9, 0, 0, 0, 1) };
    expect(() => textsOf(tensor)).toThrow("tensor 'x': BYTES element 0 goes beyond the 5 bytes sent");
  });
});

describe("numbersOf", () => {
  it("reads bytes that lie unaligned in a larger message", () => {
    const message = new Uint8Array(9);
    message.set(new Uint8Array(Float32Array.of(1, 2).buffer), 1);
    expect(numbersOf({ name: "x", datatype: "FP32", shape: [2], bytes: message.subarray(1) })).toEqual([
      1, 2,
    ]);
  });
});
