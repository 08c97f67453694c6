import { servedConfig } from "./triton-config";

describe("servedConfig", () => {
  it.each([
    ["", "model.onnx"],
    ['platform: "onnxruntime_onnx"\nmax_batch_size: 8', "model.onnx"],
    ["name: 'digits' backend: 'onnxruntime' default_model_filename: 'net.onnx'", "net.onnx"],
    ['input [ { name: "x" data_type: TYPE_FP32 dims: [ 1 ] } ]', "model.onnx"],
    ['# platform: "tensorrt_plan"\nbackend:"onnxruntime"', "model.onnx"],
    ['parameters { key: "a" value: { string_value: "}" } } name: "digits"', "model.onnx"],
  ])("takes %j", (text, fileName) => {
    expect(servedConfig(text, "digits")).toEqual({ fileName });
  });

  it.each([
    ['platform: "tensorrt_plan"', "tensorrt_plan"],
    ['backend: "python"', "python"],
    ['name: "letters"', "letters"],
    ['default_model_filename: "../other/model.onnx"', "leads out of the folder"],
    ['default_model_filename: ".."', "leads out of the folder"],
  ])("says why %j is not served", (text, fault) => {
    expect(servedConfig(text, "digits")).toEqual({ fault: expect.stringContaining(fault) });
  });

  it("reads a text without an end of its brackets in a moment", () => {
    expect(servedConfig("{".repeat(1_000_000), "digits")).toEqual({ fileName: "model.onnx" });
  });
});
