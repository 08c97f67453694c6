import { Code } from "@infaas/runtime";
import { modelNameOf } from "./model-name";

describe("modelNameOf", () => {
  it.each([
    ["/models/resnet50.onnx", "resnet50"],
    ["ch_PP-OCRv4_det_infer.onnx", "ch_PP-OCRv4_det_infer"],
    ["./My Model (final).ONNX", "My-Model-final"],
    ["../été.onnx", "t"],
    ["weights.bin", "weights.bin"],
    [`${"a".repeat(200)}.onnx`, "a".repeat(128)],
  ])("names %s %s", (path, name) => {
    expect(modelNameOf(path)).toBe(name);
  });

  it("asks for a name where the file has none", () => {
    expect(() => modelNameOf("/tmp/__.onnx")).toThrow(
      expect.objectContaining({ code: Code.INVALID_ARGUMENT, message: expect.stringContaining("'__.onnx'") }),
    );
  });
});
