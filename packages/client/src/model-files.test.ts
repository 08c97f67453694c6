import { mkdir, mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema } from "@infaas/api";
import { Code } from "@infaas/runtime";
import { externalFilesOf } from "./model-files";

function modelWith(...locations: string[]): Uint8Array {
  const initializer = locations.map((value) => ({
    name: "w",
    dataLocation: 1,
    externalData: [{ key: "location", value }],
  }));
  return toBinary(ModelProtoSchema, create(ModelProtoSchema, { graph: { initializer } }));
}

describe("externalFilesOf", () => {
  let folder = "";
  let path = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "model-files-"));
    path = join(folder, "model.onnx");
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("finds the files beside a model and below its folder", async () => {
    await mkdir(join(folder, "weights"));
    await writeFile(join(folder, "weights", "a.bin"), "a");
    await writeFile(join(folder, "b.bin"), "b");
    await writeFile(path, modelWith("weights/a.bin", "b.bin"));
    expect(await externalFilesOf(path)).toEqual([
      { name: "weights/a.bin", path: join(folder, "weights", "a.bin") },
      { name: "b.bin", path: join(folder, "b.bin") },
    ]);
    await writeFile(path, modelWith());
    expect(await externalFilesOf(path)).toEqual([]);
  });

  it.each([
    ["../secrets.txt", "is no path below the model's folder"],
    ["/etc/passwd", "is no path below the model's folder"],
    ["absent.bin", "which is no file"],
  ])("refuses %s", async (location, message) => {
    await writeFile(path, modelWith(location));
    await expect(externalFilesOf(path)).rejects.toMatchObject({
      code: Code.INVALID_ARGUMENT,
      message: expect.stringContaining(message),
    });
  });

  it("refuses a file beyond protobuf's limit, with both sizes", async () => {
    await writeFile(path, "");
    await truncate(path, 2 ** 31);
    await expect(externalFilesOf(path)).rejects.toMatchObject({
      message: expect.stringMatching(/has 2147483648 bytes, protobuf allows 2147483647/),
    });
  });
});
