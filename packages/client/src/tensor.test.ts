import { numbersOf, tensorFromNumbers } from "./tensor";

describe("tensorFromNumbers", () => {
  it.each([
    ["FP32", [1.5, -2, 0.25, 3]],
    ["FP64", [1.1, -2, 0.25, 3]],
    ["INT64", [1, -2, 2 ** 40, 0]],
    ["UINT64", [1, 2, 2 ** 40, 0]],
    ["UINT8", [0, 1, 254, 255]],
    ["BOOL", [0, 1, 1, 0]],
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

describe("numbersOf", () => {
  it("reads bytes that lie unaligned in a larger message", () => {
    const message = new Uint8Array(9);
    message.set(new Uint8Array(Float32Array.of(1, 2).buffer), 1);
    expect(numbersOf({ name: "x", datatype: "FP32", shape: [2], bytes: message.subarray(1) })).toEqual([
      1, 2,
    ]);
  });
});
