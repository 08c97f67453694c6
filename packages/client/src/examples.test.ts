import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeTensorProto, EXAMPLE_BYTES_MAX } from "@infaas/api";
import { Code } from "@infaas/runtime";
import { exampleFilesOf } from "./examples";
import { tensorFromTexts } from "./tensor";

describe("exampleFilesOf", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "examples-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("reads files by their names, and takes tensors as they are", async () => {
    const path = join(folder, "x.npy");
    await writeFile(path, "array");
    const words = tensorFromTexts("words", [2], ["a", "b\0"]);
    const [whole, ofInput, tensor] = await exampleFilesOf([path, { input: "x", path }, words]);
    const content = new Uint8Array(Buffer.from("array"));
    expect([whole, ofInput]).toEqual([
      { input: "", name: "x.npy", content },
      { input: "x", name: "x.npy", content },
    ]);
    expect(tensor?.input).toBe("words");
    expect(decodeTensorProto(tensor!.content)).toMatchObject({
      ok: true,
      value: { datatype: "BYTES", shape: [2] },
    });
  });

  it("refuses a file that is not there, or of another ending", async () => {
    const absent = join(folder, "absent.npz");
    await expect(exampleFilesOf([absent])).rejects.toMatchObject({
      code: Code.NOT_FOUND,
      message: `examples ${absent} cannot be read`,
    });
    const other = join(folder, "rows.parquet");
    await writeFile(other, "");
    await expect(exampleFilesOf([other])).rejects.toThrow(
      "examples in 'rows.parquet' are not read; a name ends in .npy, .npz, .json, .csv, .pb",
    );
  });

  it("refuses more bytes than are taken, in one file and in all", async () => {
    const path = join(folder, "large.npy");
    await writeFile(path, "");
    await truncate(path, EXAMPLE_BYTES_MAX + 1);
    await expect(exampleFilesOf([path])).rejects.toThrow(`${path} have 16777217 bytes, at most 16777216`);
    await truncate(path, EXAMPLE_BYTES_MAX / 2 + 1);
    await expect(exampleFilesOf([path, path])).rejects.toThrow(
      "examples have 16777218 bytes, at most 16777216",
    );
  });
});
