import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, parseAllDocuments } from "yaml";
import { root } from "../cluster";
import type { CommandLine } from "./command-lines";

/** An object of a manifest, as far as it is read here. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
  // biome-ignore lint/suspicious/noExplicitAny: the schema of each kind is checked by `npm run manifests`
  readonly spec?: any;
}

export const folder = join(root, "deploy", "kubernetes");
export const overlays = readdirSync(join(folder, "overlays")).sort();
export const hasKubectl = spawnSync("kubectl", ["version", "--client"]).status === 0;

/** Objects of an overlay as kustomize makes them; those of the base as they are written where there is no kubectl. */
export function objectsOf(overlay: string): readonly KubernetesObject[] {
  if (!hasKubectl) return baseObjects();
  const made = spawnSync("kubectl", ["kustomize", join(folder, "overlays", overlay)], { encoding: "utf8" });
  if (made.status !== 0) throw new Error(made.stderr);
  return documents(made.stdout);
}

function baseObjects(): readonly KubernetesObject[] {
  const base = (file: string) => readFileSync(join(folder, "base", file), "utf8");
  const { resources } = parse(base("kustomization.yaml")) as { resources: string[] };
  const members = base("members.env")
    .split("\n")
    .filter((line) => /^\w+=/.test(line));
  const data = Object.fromEntries(members.map((line) => line.split("=", 2) as [string, string]));
  const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "infaas-members" }, data };
  return [map, ...resources.flatMap((file) => documents(base(file)))];
}

function documents(text: string): readonly KubernetesObject[] {
  return parseAllDocuments(text).map((document) => {
    const [fault] = document.errors;
    if (fault !== undefined) throw fault;
    return document.toJS() as KubernetesObject;
  });
}

/** Objects that have a template of pods. */
export function workloadsOf(objects: readonly KubernetesObject[]): readonly KubernetesObject[] {
  return objects.filter(({ spec }) => spec?.template !== undefined);
}

/** Command lines of the containers that run the image of INFaaS. */
export function commandLinesOf(overlay: string): readonly CommandLine[] {
  const objects = objectsOf(overlay);
  return workloadsOf(objects).flatMap(({ metadata, spec }) =>
    spec.template.spec.containers
      .filter(({ image }: { image: string }) => /^infaas(:|$)/.test(image))
      .map((container: { command: string[]; args: string[]; envFrom: EnvFrom[] }) => ({
        where: `kubernetes/${overlay}, ${metadata.name}`,
        words: [...container.command, ...container.args],
        env: Object.assign({}, ...container.envFrom.map((from) => dataOf(objects, from))),
      })),
  );
}

interface EnvFrom {
  readonly configMapRef: { readonly name: string };
}

function dataOf(objects: readonly KubernetesObject[], { configMapRef: { name } }: EnvFrom) {
  const map = objects.find(({ kind, metadata }) => kind === "ConfigMap" && metadata.name === name);
  if (map?.data === undefined) throw new Error(`there is no ConfigMap ${name}`);
  return map.data;
}
