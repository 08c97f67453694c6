import type { Catalog, TargetIndex } from "./catalog";
import type { Target } from "./types";

/** What a name and a version stand for. */
export type Resolution =
  | { readonly kind: "resolved"; readonly target: Target }
  | { readonly kind: "unknown"; readonly name: string }
  /** A task without its data set that has several. */
  | { readonly kind: "ambiguous"; readonly name: string; readonly candidates: readonly string[] }
  /** Not a positive whole number. */
  | { readonly kind: "bad-version"; readonly version: string }
  | { readonly kind: "no-version"; readonly name: string; readonly available: readonly number[] };

/** The version of a task that is given none. */
const TASK_VERSION = 1;

/**
 * Returns what a name stands for: a variant, else an architecture, else a task (`task/dataset`, or `task`
 * alone when that is unambiguous), else what an alias of that name points to. An empty version means the
 * newest.
 */
export function resolveTarget(catalog: Catalog, name: string, version = ""): Resolution {
  const wanted = version === "" ? null : parseVersion(version);
  if (wanted === undefined) return { kind: "bad-version", version };
  const direct = resolveName(catalog, name, wanted);
  const alias = catalog.aliases.get(name);
  if (direct.kind !== "unknown" || alias === undefined) return direct;
  const meant = resolveName(catalog, alias, wanted);
  return meant.kind === "unknown" ? direct : meant;
}

function resolveName(catalog: Catalog, name: string, version: number | null): Resolution {
  const variant = catalog.variants.get(name)?.entries[0]?.variant;
  if (variant) return atVersion({ kind: "variant", name }, version, [variant.version]);
  const versions = catalog.versions.get(name);
  if (versions) return architecture(name, version, versions);
  const task = catalog.tasks.has(name) ? [name] : tasksWithPrefix(catalog, name);
  if (task.length > 1) return { kind: "ambiguous", name, candidates: task };
  return task[0] === undefined
    ? { kind: "unknown", name }
    : atVersion({ kind: "task", name: task[0] }, version, [
        catalog.taskVersions.get(task[0]) ?? TASK_VERSION,
      ]);
}

function architecture(
  name: string,
  version: number | null,
  versions: ReadonlyMap<number, TargetIndex>,
): Resolution {
  const target = { kind: "architecture", name } as const;
  const available = [...versions.keys()].sort((a, b) => a - b);
  return atVersion(version === null ? target : { ...target, version }, version, available);
}

function atVersion(target: Target, version: number | null, available: readonly number[]): Resolution {
  return version === null || available.includes(version)
    ? { kind: "resolved", target }
    : { kind: "no-version", name: target.name, available };
}

function tasksWithPrefix(catalog: Catalog, name: string): readonly string[] {
  return [...catalog.tasks.keys()].filter((task) => task.startsWith(`${name}/`)).sort();
}

function parseVersion(text: string): number | undefined {
  return /^[1-9][0-9]{0,8}$/.test(text) ? Number(text) : undefined;
}
