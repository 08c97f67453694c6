import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, parseAllDocuments } from "yaml";
import { root } from "../cluster";
import type { CommandLine } from "./command-lines";

interface Named {
  readonly name: string;
}

type Words = Readonly<Record<string, string>>;

interface Container extends Named {
  readonly image: string;
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly envFrom: readonly { readonly configMapRef: Named }[];
  readonly volumeMounts: readonly Named[];
}

/** What makes the pods of a workload. */
export interface PodTemplate {
  readonly metadata: { readonly labels: Words };
  readonly spec: {
    readonly securityContext: object;
    readonly volumes?: readonly Named[];
    readonly containers: readonly Container[];
  };
}

/** What is read of any kind's; `npm run manifests` checks each kind by its own schema. */
interface Spec {
  /** Of a Service the labels themselves. */
  readonly selector?: Words | { readonly matchLabels: Words };
  readonly template?: PodTemplate;
  readonly volumeClaimTemplates?: readonly { readonly metadata: Named }[];
  readonly scaleTargetRef?: Named & { readonly kind: string };
}

/** An object of a manifest, as far as it is read here. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Named;
  readonly data?: Words;
  readonly spec?: Spec;
}

/** An object that makes pods. */
export type Workload = KubernetesObject & { readonly spec: Spec & { readonly template: PodTemplate } };

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
export function workloadsOf(objects: readonly KubernetesObject[]): readonly Workload[] {
  return objects.filter((object): object is Workload => object.spec?.template !== undefined);
}

/** Words of the pods that an object selects; none where it selects nothing. */
export function selectedBy({ spec }: KubernetesObject): Words {
  const selector = spec?.selector ?? {};
  return typeof selector.matchLabels === "object" ? selector.matchLabels : (selector as Words);
}

/** Command lines of the containers that run the image of INFaaS. */
export function commandLinesOf(overlay: string): readonly CommandLine[] {
  const objects = objectsOf(overlay);
  return workloadsOf(objects).flatMap(({ metadata, spec }) =>
    spec.template.spec.containers
      .filter(({ image }) => /^infaas(:|$)/.test(image))
      .map((container) => ({
        where: `kubernetes/${overlay}, ${metadata.name}`,
        words: [...container.command, ...container.args],
        env: Object.assign({}, ...container.envFrom.map((from) => dataOf(objects, from))),
      })),
  );
}

function dataOf(
  objects: readonly KubernetesObject[],
  { configMapRef: { name } }: Container["envFrom"][number],
): Words {
  const map = objects.find(({ kind, metadata }) => kind === "ConfigMap" && metadata.name === name);
  if (map?.data === undefined) throw new Error(`there is no ConfigMap ${name}`);
  return map.data;
}
