/** Entry of a process that profiles one mutated ONNX file after another, confined as a profiling process is. */
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { ProfileModelRequestSchema } from "@infaas/api";
import { confineProcess } from "@infaas/cuda-batcher";
import { mutatedPackage, type OnnxPackage } from "@infaas/e2e/mutated-packages";
import {
  ModelFolders,
  nativeEngines,
  nativeEngineVersion,
  type ProfilePorts,
  profileModel,
} from "@infaas/executor";
import { Code, codeName, ServiceError, systemClock } from "@infaas/runtime";
import type { MutantOrder, MutantReport } from "./mutant-messages";

const MEMORY_BYTES = 2 ** 30;
/** As for a profiling process that may have a gigabyte resident. */
const DATA_BYTES_MAX = 4 * MEMORY_BYTES;

process.on("disconnect", () => process.exit(0));
process.on("message", (order: MutantOrder) => void profileAll(order));

async function profileAll({ seed, from, count, folder }: MutantOrder): Promise<void> {
  confineProcess({ parentPid: process.ppid, dataBytesMax: DATA_BYTES_MAX });
  for (let number = from; number < from + count; number++) {
    await report({ kind: "begin", number });
    const outcome = await profileOne(mutatedPackage(seed, number), join(folder, String(number)));
    await report({ kind: "end", number, ...outcome });
  }
  process.exit(0);
}

async function profileOne(
  { model, externalData }: OnnxPackage,
  folder: string,
): Promise<{ readonly ending: string; readonly fault: string | null }> {
  const scratchDir = join(folder, "scratch");
  await mkdir(scratchDir, { recursive: true });
  try {
    const named = [];
    for (const { name, bytes } of externalData) named.push({ name, digest: await put(folder, bytes) });
    const modelDigest = await put(folder, model);
    const models = join(folder, "models");
    await mkdir(models);
    const folders = new ModelFolders(models, systemClock, async (digest) => pathOf(folder, digest));
    const architecture = { name: "mutant", version: 1, task: "mutants", modelDigest, externalData: named };
    const request = create(ProfileModelRequestSchema, { architecture, task: { name: "mutants" } });
    const path =
      named.length === 0
        ? pathOf(folder, modelDigest)
        : await folders.path({ modelDigest, externalData: named });
    for await (const _ of profileModel(request, portsOf(folder, scratchDir, modelDigest, path)));
    const left = await readdir(scratchDir);
    return { ending: "OK", fault: left.length === 0 ? null : `left ${left.join(", ")}` };
  } catch (cause) {
    const { code, message } = ServiceError.from(cause);
    const isBug = code === Code.INTERNAL || code === Code.UNKNOWN;
    return { ending: codeName(code), fault: isBug ? message : null };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function portsOf(folder: string, scratchDir: string, modelDigest: string, path: string): ProfilePorts {
  const fetchModel = async (digest: string) => (digest === modelDigest ? path : pathOf(folder, digest));
  return {
    fetchModel,
    readArtifact: async (digest) => readFile(await fetchModel(digest)),
    storeArtifact: async (derived) => put(folder, await readFile(derived)),
    engines: nativeEngines,
    engineVersion: nativeEngineVersion(),
    clock: systemClock,
    host: { hostType: "mutants", cores: cpus().length, cpuCores: cpus().length, memoryBytes: MEMORY_BYTES },
    scratchDir,
  };
}

async function put(folder: string, bytes: Uint8Array): Promise<string> {
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  await writeFile(pathOf(folder, digest), bytes);
  return digest;
}

function pathOf(folder: string, digest: string): string {
  return join(folder, digest.replace(":", "-"));
}

function report(message: MutantReport): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(message, undefined, undefined, (fault) => (fault ? reject(fault) : resolve()));
  });
}
