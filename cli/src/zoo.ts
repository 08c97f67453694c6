import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { TaskSchema } from "@infaas/api";
import type { InfaasClient } from "@infaas/client";
import { Code, ServiceError } from "@infaas/runtime";
import { registerWithProgress } from "./register-with-progress";
import type { Terminal } from "./terminal/terminal";

/** Contents of zoo/manifest.json; paths are relative to the zoo folder. */
interface ZooManifest {
  readonly tasks: readonly ZooTask[];
  readonly architectures: readonly ZooArchitecture[];
}

interface ZooTask {
  readonly name: string;
  readonly metric: string;
  readonly labels: readonly string[];
  readonly description: string;
  readonly image?: MessageInitShape<typeof TaskSchema>["image"];
  readonly text?: MessageInitShape<typeof TaskSchema>["text"];
  readonly validation: { dataset: string; inputs: { file: string }; labels: { file: string }; count: number };
}

interface ZooArchitecture {
  readonly name: string;
  readonly task: string;
  readonly file: string;
  readonly description: string;
  readonly accuracyTolerance: number;
}

/** Which models of which zoo to register. */
export interface ZooChoice {
  readonly folder: string;
  /** `all`, `none`, or architecture names separated by commas. */
  readonly chosen: string;
  readonly terminal: Terminal;
}

/**
 * Registers the chosen models that are not registered yet; returns their number. Throws NOT_FOUND for an
 * unknown name.
 */
export async function registerZoo(client: InfaasClient, choice: ZooChoice): Promise<number> {
  if (choice.chosen === "none") return 0;
  const manifest = await readManifest(choice.folder);
  const wanted = chosenOf(manifest, choice.chosen);
  const known = await client.listModels();
  const missing = wanted.filter((a) => !known.architectures.some((k) => k.name === a.name));
  for (const task of manifest.tasks) {
    if (missing.some((a) => a.task === task.name)) await putTask(client, choice.folder, task);
  }
  for (const model of missing) {
    const registration = {
      name: model.name,
      task: model.task,
      path: join(choice.folder, model.file),
      description: model.description,
      accuracyTolerance: model.accuracyTolerance,
    };
    await registerWithProgress(client, registration, choice.terminal);
  }
  return missing.length;
}

function chosenOf(manifest: ZooManifest, chosen: string): readonly ZooArchitecture[] {
  if (chosen === "all") return manifest.architectures;
  return chosen.split(",").map((name) => {
    const found = manifest.architectures.find((a) => a.name === name);
    if (found !== undefined) return found;
    const known = manifest.architectures.map((a) => a.name).join(", ");
    throw new ServiceError(Code.NOT_FOUND, `the zoo has no model '${name}'; it has ${known}`);
  });
}

async function readManifest(folder: string): Promise<ZooManifest> {
  const path = join(folder, "manifest.json");
  try {
    return JSON.parse(await readFile(path, "utf8")) as ZooManifest;
  } catch (cause) {
    throw new ServiceError(Code.NOT_FOUND, `the zoo's manifest cannot be read: ${path}`, { cause });
  }
}

async function putTask(client: InfaasClient, folder: string, task: ZooTask): Promise<void> {
  const { dataset, inputs, labels, count } = task.validation;
  const inputsDigest = await client.upload(join(folder, inputs.file));
  const labelsDigest = await client.upload(join(folder, labels.file));
  await client.putTask({
    name: task.name,
    metric: task.metric,
    labels: [...task.labels],
    description: task.description,
    validation: { dataset, inputsDigest, labelsDigest, count },
    ...(task.image === undefined ? {} : { image: task.image }),
    ...(task.text === undefined ? {} : { text: task.text }),
  });
}
