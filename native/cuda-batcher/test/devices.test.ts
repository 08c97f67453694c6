import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { probe, probeDevice } from "../lib";

const addon = join(__dirname, "..", "build", "Release", "cuda_batcher.node");
/** As `npm run cuda:toolchain` fetches it. */
const compiler = join(__dirname, "..", ".cache/cuda/nvidia/cu13/bin/nvcc");
/** What a fatbin begins with, little-endian. */
const FATBIN = Buffer.from([0x50, 0xed, 0x55, 0xba]);

describe("the add-on and devices", () => {
  it("needs no library of CUDA to be loaded", () => {
    const needed = execFileSync("ldd", [addon], { encoding: "utf8" });
    expect(needed).toContain("libc.so");
    expect(needed).not.toMatch(/libcu|nvidia|nvinfer/i);
  });

  (existsSync(compiler) ? it : it.skip)(
    "holds kernels for CUDA devices, built beside a CUDA compiler",
    () => {
      expect(readFileSync(addon).includes(FATBIN)).toBe(true);
      const { cuda } = probe();
      expect(cuda.ok ? "ok" : cuda.reason).not.toBe("not-built");
    },
  );

  it("has the host device whatever it was built beside", () => {
    expect(probeDevice("host")).toEqual({ version: "1", description: "host device" });
  });

  it("refuses a device that is not there with a sentence", () => {
    expect(probeDevice("gpu")).toEqual({ fault: "device 'gpu' is unknown: host, or cuda: and a number" });
    expect(probeDevice("cuda:999")).toEqual({ fault: expect.stringMatching(/\w+/) });
  });
});
