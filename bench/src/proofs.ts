import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { analyseRows, decodeModel } from "@infaas/executor";
import { writeBenchModels } from "./models";
import { zooSubjects } from "./subjects";
import { cache, root } from "./system";

/** Packages that `npm run third-party-models` and its tests have downloaded. */
const packages = join(root, ".cache", "third-party");

/**
 * Prints what the graph of each model proves of its rows, what is said of those it does not, and the processor time of the
 * analysis: the zoo, the models of `whole-path`, and all models of packages that were downloaded before.
 */
export function benchProofs(): void {
  process.stdout.write("| model | nodes | ms | outcome |\n| --- | ---: | ---: | --- |\n");
  for (const { name, path } of [...zooSubjects(), ...writeBenchModels(join(cache, "models"))])
    prove(name, path);
  if (!existsSync(packages)) return;
  for (const path of modelsBelow(packages)) prove(nameOf(path), path);
}

function prove(name: string, path: string): void {
  const model = decodeModel(readFileSync(path));
  const started = process.cpuUsage();
  const analysis = analyseRows(model);
  const { user, system } = process.cpuUsage(started);
  const tookMs = (user + system) / 1000;
  const outcome = analysis.proven ? "proven" : `alone: ${analysis.reason}`;
  process.stdout.write(`| ${name} | ${model.graph.node.length} | ${tookMs.toFixed(1)} | ${outcome} |\n`);
}

function modelsBelow(folder: string): string[] {
  // Operator models have a table of their own.
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".onnx") && !/^onnx-\d/.test(path))
    .sort()
    .map((path) => join(folder, path));
}

/** Package, version and file: `silero-vad-6.2.3 silero_vad`. */
function nameOf(path: string): string {
  const [own = ""] = relative(packages, path).split("/");
  return `${own.replace(/^\+([^+]+)\+/, "@$1/")}, \`${basename(path, ".onnx")}\``;
}
