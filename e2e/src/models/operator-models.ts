import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { decodeTensorProto } from "@infaas/api";
import { modelNameOf, type Tensor } from "@infaas/client";
import { root } from "../cluster";
import { type PackageName, unpackedPackage } from "../package-cache";
import { pythonWith } from "../python-environment";
import type { ModelToCheck } from "./check-model";

const run = promisify(execFile);
const VERSION = "1.23.2";
/** The package that brings models of operators, with inputs. */
const operatorPackage: PackageName = { package: "onnx", version: VERSION };
const requirements = [`onnx==${VERSION}`, "numpy==2.3.5"];
const FILES = join("onnx", "backend", "test", "data");
const script = join(root, "e2e", "clients", "python", "operator_cases.py");
const writtenFolder = join(root, ".cache", "operator-models", VERSION);
/** Longest time in which the package writes its models. */
const WRITE_TIMEOUT_MS = 300_000;

/** Operator models that the package has as files: `pytorch-converted/test_ReLU`, `simple/test_shrink`, … */
export async function operatorFiles(): Promise<ModelToCheck[]> {
  return modelsBelow(join(await unpackedPackage(operatorPackage), FILES));
}

/** Operator models that the package makes in code, of every operator and version: `node/test_abs`, … Written once. */
export async function operatorCases(): Promise<ModelToCheck[]> {
  if (!existsSync(writtenFolder)) {
    const building = `${writtenFolder}.${process.pid}`;
    await run(await pythonWith(requirements), [script, join(building, "node")], {
      timeout: WRITE_TIMEOUT_MS,
    });
    await rename(building, writtenFolder);
  }
  return modelsBelow(writtenFolder);
}

function modelsBelow(folder: string): ModelToCheck[] {
  const kinds = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return kinds.flatMap(({ name: kind }) => {
    const entries = readdirSync(join(folder, kind)).sort();
    const withInputs = entries.filter((name) => existsSync(join(folder, kind, name, "model.onnx")));
    const alone = entries.filter((name) => name.endsWith(".onnx"));
    return [
      ...withInputs.map((name) => modelIn(join(folder, kind, name), `${kind}.${name}`)),
      ...alone.map((name) => ({ name: modelNameOf(`${kind}.${name}`), path: join(folder, kind, name) })),
    ];
  });
}

function modelIn(folder: string, name: string): ModelToCheck {
  const sets = readdirSync(folder).filter((entry) => entry.startsWith("test_data_set_"));
  const files = sets.map((set) => inputFiles(join(folder, set)));
  const inputs = files.flatMap((paths) => {
    const tensors = paths.map(tensorIn);
    return tensors.every((tensor) => tensor !== null) ? [tensors] : [];
  });
  const [examples = []] = files;
  return { name: modelNameOf(name), path: join(folder, "model.onnx"), examples, inputs };
}

function inputFiles(folder: string): string[] {
  const numberOf = (name: string) => Number(/\d+/.exec(name)?.[0] ?? 0);
  return readdirSync(folder)
    .filter((name) => /^input_\d+\.pb$/.test(name))
    .sort((a, b) => numberOf(a) - numberOf(b))
    .map((name) => join(folder, name));
}

/** The tensor in a file; null where it holds a sequence, or an optional value. */
function tensorIn(path: string): Tensor | null {
  const read = decodeTensorProto(readFileSync(path));
  return read.ok ? read.value : null;
}
