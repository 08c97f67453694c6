import { Code } from "@infaas/runtime";
import { zipFile } from "../../testing/numpy-files";
import { readNpz } from "./npz";

describe("readNpz", () => {
  it("unpacks files by any name", async () => {
    const names = ["x.npy", "serving/input:0.npy", "../é.npy"];
    const files = names.map((name) => ({ name, bytes: Buffer.from(name.repeat(9)) }));
    expect(await readNpz("a.npz", zipFile(files))).toEqual(files);
  });

  it.each<[string, Uint8Array, string]>([
    ["what is no archive", Buffer.from("no archive"), "a.npz: it cannot be unpacked:"],
    [
      "what is larger unpacked than is taken, before it is unpacked",
      zipFile(["x", "y"].map((name) => ({ name, bytes: Buffer.alloc(40 * 2 ** 20) }))),
      "it has more than 67108864 bytes unpacked",
    ],
    [
      "a file of more bytes than it claims",
      zipFile([{ name: "x.npy", bytes: Buffer.alloc(2 ** 20), claimed: 100 }]),
      "too many bytes in the stream",
    ],
    [
      "too many files",
      zipFile(Array.from({ length: 1_025 }, (_, index) => ({ name: `${index}`, bytes: Buffer.alloc(0) }))),
      "it has 1025 files, at most 1024 are read",
    ],
  ])("refuses %s", async (_what, content, sentence) => {
    await expect(readNpz("a.npz", content)).rejects.toMatchObject({
      code: Code.INVALID_ARGUMENT,
      message: expect.stringContaining(sentence),
    });
  });
});
