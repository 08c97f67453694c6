#!/usr/bin/env node
/**
 * Puts a CUDA compiler into .cache/cuda, where CMakeLists.txt looks for it: the wheels of NVIDIA's own packages on PyPI,
 * without a driver or an account. `npm run cuda:toolchain -w @infaas/cuda-batcher`; needs python3 with pip.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", ".cache", "cuda");
const nvcc = join(folder, "nvidia", "cu13", "bin", "nvcc");
const packages = [
  "nvidia-cuda-nvcc",
  "nvidia-cuda-crt",
  "nvidia-nvvm",
  "nvidia-cuda-runtime",
  "nvidia-cuda-cccl",
];

if (!existsSync(nvcc)) {
  const wheels = packages.map((name) => `${name}>=13,<14`);
  const { status, error } = spawnSync(
    "python3",
    ["-m", "pip", "install", "--quiet", "--target", folder, ...wheels],
    { stdio: "inherit" },
  );
  if (error !== undefined || status !== 0) {
    process.stderr.write(
      "the CUDA compiler could not be installed: python3 with pip and access to PyPI is needed\n",
    );
    process.exit(1);
  }
}
process.stdout.write(`${nvcc}\n`);
