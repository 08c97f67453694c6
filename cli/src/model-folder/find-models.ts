import { type Dirent, existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { modelNameFault } from "@infaas/api";
import { modelNameOf } from "@infaas/client";
import { servedConfig } from "./triton-config";

/** One model of a folder. */
export interface FoundModel {
  readonly name: string;
  /** Its ONNX file. */
  readonly path: string;
  /** Another one whenever a file of the model is written: names, sizes and times of all of them. */
  readonly signature: string;
}

/** What a folder holds: models by name, and a sentence for each entry that is none. */
export interface FoundModels {
  readonly models: readonly FoundModel[];
  readonly faults: readonly string[];
}

/** Entries of a folder that are looked at; more are told, and not served. */
const ENTRIES_MAX = 4_096;
/** Files of one model that its signature is made of. */
const MODEL_FILES_MAX = 1_024;

/**
 * Returns the models of a folder as people keep them: `NAME.onnx`, `NAME/model.onnx`, and Triton's model repository,
 * `NAME/VERSION/model.onnx` with an optional `config.pbtxt`, of which the newest version counts. What begins with a dot, and files
 * of other endings beside models, are left alone. Throws what the file system says where the folder itself cannot be read.
 */
export function findModels(folder: string): FoundModels {
  const entries = readdirSync(folder, { withFileTypes: true }).filter(({ name }) => !name.startsWith("."));
  const looked = entries.sort((a, b) => (a.name < b.name ? -1 : 1)).slice(0, ENTRIES_MAX);
  const models = new Map<string, FoundModel>();
  const faults: string[] = [];
  if (entries.length > ENTRIES_MAX)
    faults.push(`${folder} has ${entries.length} entries; the first ${ENTRIES_MAX} are looked at`);
  for (const entry of looked) {
    const found = attempt(() => modelOf(folder, entry));
    if (found === null) continue;
    const other = typeof found === "string" ? undefined : models.get(found.name);
    if (typeof found === "string") faults.push(found);
    else if (other === undefined) models.set(found.name, found);
    else faults.push(`${found.path} is not served: ${other.path} has its name, ${found.name}`);
  }
  return { models: [...models.values()], faults };
}

/** What another process takes away while it is looked at is not there. */
function attempt<T>(act: () => T): T | null | string {
  try {
    return act();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === "ENOENT" ? null : message;
  }
}

/** The model of an entry; null: it is none and says nothing; else why it is not served. */
function modelOf(folder: string, { name: entry }: Dirent): FoundModel | string | null {
  const path = join(folder, entry);
  if (statSync(path).isDirectory()) return modelOfFolder(path, entry);
  if (!entry.toLowerCase().endsWith(".onnx")) return null;
  const stem = entry.slice(0, -".onnx".length);
  const files = readdirSync(folder).filter((file) => file.startsWith(stem));
  return { name: modelNameOf(path), path, signature: signatureOf(folder, files) };
}

function modelOfFolder(path: string, name: string): FoundModel | string {
  const fault = modelNameFault(name);
  if (fault !== null) return `${path} is not served: ${fault}`;
  const configPath = join(path, "config.pbtxt");
  const config = servedConfig(existsSync(configPath) ? readFileSync(configPath, "utf8") : "", name);
  if ("fault" in config) return `${configPath} is not served: ${config.fault}`;
  const versions = readdirSync(path).filter((entry) => /^[1-9]\d*$/.test(entry));
  const newest = versions.sort((a, b) => Number(a) - Number(b)).at(-1);
  const file = join(path, newest ?? "", config.fileName);
  if (!existsSync(file)) return `${path} is not served: there is no ${file}`;
  const own = readdirSync(join(path, newest ?? "")).map((entry) => join(newest ?? "", entry));
  return { name, path: file, signature: `${newest ?? ""} ${signatureOf(path, [...own, "config.pbtxt"])}` };
}

function signatureOf(folder: string, files: readonly string[]): string {
  const facts = [...new Set(files)]
    .sort()
    .slice(0, MODEL_FILES_MAX)
    .map((file) => {
      const found = statSync(join(folder, file), { throwIfNoEntry: false });
      return found === undefined || found.isDirectory()
        ? ""
        : `${file} ${found.size} ${found.mtimeMs} ${found.ino}`;
    });
  return facts.filter((fact) => fact !== "").join("; ");
}
