import { tensorSpecFromText, tensorSpecText } from "./tensor-spec";

describe("tensorSpecFromText", () => {
  it.each([
    ["image:FP32:-1,3,224,224", "image FP32 [-1, 3, 224, 224]"],
    ["input/x:0:INT64:-1", "input/x:0 INT64 [-1]"],
    ["flag:BOOL:", "flag BOOL []"],
    ["rows:BYTES:4,-1", "rows BYTES [4, -1]"],
    ["scale:FP32:1:optional", "scale FP32 [1] optional"],
    ["threshold:FP32::optional", "threshold FP32 [] optional"],
    ["any:FP32:*", "any FP32 [...]"],
  ])("reads %s", (text, line) => {
    expect(tensorSpecText(tensorSpecFromText("input", text))).toBe(line);
  });

  it.each(["image", "image:FP32", "image:fp32:1", "image:FP32:-2", "image:FP32:1,", ":FP32:1"])(
    "refuses %s",
    (text) => {
      expect(() => tensorSpecFromText("input", text)).toThrow(
        `--input has '${text}'; it takes NAME:DATATYPE:SHAPE`,
      );
    },
  );
});
