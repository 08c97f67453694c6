#!/usr/bin/env node
/**
 * Puts a CUDA compiler into .cache/cuda, where CMakeLists.txt looks for it: the wheels of NVIDIA's own packages on PyPI,
 * without a driver or an account. `npm run cuda:toolchain -w @infaas/cuda-batcher`; needs python3 with pip.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** PTX of a newer compiler is refused by drivers of CUDA 13.0 (r580): theirs is the oldest that is supported. */
const version = "13.0";
const folder = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", ".cache", "cuda");
const nvcc = join(folder, "nvidia", "cu13", "bin", "nvcc");
const packages = [
  "nvidia-cuda-nvcc",
  "nvidia-cuda-crt",
  "nvidia-nvvm",
  "nvidia-cuda-runtime",
  "nvidia-cuda-cccl",
];

function installed() {
  if (!existsSync(nvcc)) return false;
  return readdirSync(folder).some((name) => name.startsWith(`nvidia_cuda_nvcc-${version}.`));
}

if (!installed()) {
  rmSync(folder, { recursive: true, force: true });
  const wheels = packages.map((name) => `${name}==${version}.*`);
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
