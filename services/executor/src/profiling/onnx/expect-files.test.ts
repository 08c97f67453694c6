import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeModel } from "@infaas/onnx";
import { denseModel } from "@infaas/onnx/testing/dense-models";
import { Code } from "@infaas/runtime";
import { expectFiles } from "./expect-files";

describe("expectFiles", () => {
  let folder = "";
  let path = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "expect-files-"));
    path = join(folder, "model.onnx");
  });
  afterEach(() => rm(folder, { recursive: true }));

  async function write(location: string | null): Promise<void> {
    const model = denseModel([4, 3]);
    const [w] = model.graph.initializer;
    if (location !== null) {
      w!.dataLocation = 1;
      w!.externalData.push({ $typeName: "onnx.StringStringEntryProto", key: "location", value: location });
    }
    await writeFile(path, encodeModel(model));
  }

  it("lets pass what takes weights from registered files, or from none", async () => {
    await write(null);
    expect(() => expectFiles(path, [])).not.toThrow();
    await write("w.bin");
    expect(() => expectFiles(path, [{ name: "w.bin" }])).not.toThrow();
  });

  it.each([
    ["/etc/passwd", "is no path below the model's folder"],
    ["../w.bin", "is no path below the model's folder"],
    ["v.bin", 'the model takes weights from "v.bin", registered with it were: w.bin'],
  ])("refuses a model that takes weights from %s", async (location, message) => {
    await write(location);
    expect(() => expectFiles(path, [{ name: "w.bin" }])).toThrow(
      expect.objectContaining({
        code: Code.INVALID_ARGUMENT,
        message: expect.stringContaining(message),
      }),
    );
  });

  it("refuses a file beyond protobuf's limit, and one that is no model, with what it is", async () => {
    await writeFile(path, "this is no model at all");
    expect(() => expectFiles(path, [])).toThrow("file of 23 bytes is no onnx model");
    await truncate(path, 2 ** 31);
    expect(() => expectFiles(path, [])).toThrow(
      "model file has 2147483648 bytes, protobuf allows 2147483647",
    );
  });
});
