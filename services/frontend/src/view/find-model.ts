import { Code, ServiceError } from "@infaas/runtime";
import type { CatalogModel, Lookup } from "./catalog";
import type { ClusterView } from "./cluster-view";

/**
 * The model of this name and version; an empty version is the current one.
 * NOT_FOUND for an unknown name or version, UNAVAILABLE while it is not known what is registered, INVALID_ARGUMENT for a
 * version that is no whole number.
 */
export function findModel(view: ClusterView, name: string, version: string): CatalogModel {
  const found = lookUp(view, name, version);
  if (found instanceof ServiceError) throw found;
  return found;
}

/** As `findModel`, with the refusal as a value. */
export function lookUp(view: ClusterView, name: string, version: string): CatalogModel | ServiceError {
  const found = view.catalog.find(name, version);
  if (found.kind === "found") return found.model;
  if (found.kind === "bad-version") {
    return new ServiceError(
      Code.INVALID_ARGUMENT,
      `model version is '${version}'; allowed: a positive whole number as text, or empty for the current one`,
    );
  }
  if (!view.isReady) {
    const sentence = `Request for model '${name}' came before metadata told this frontend what is registered; try again`;
    return new ServiceError(Code.UNAVAILABLE, sentence);
  }
  return new ServiceError(
    Code.NOT_FOUND,
    `Request for unknown model: '${name}' ${whyNot(view, version, found)}`,
  );
}

/** Tasks named in a NOT_FOUND message. */
const TASKS_NAMED_MAX = 8;

function whyNot(
  { catalog }: ClusterView,
  version: string,
  found: Exclude<Lookup, { kind: "found" | "bad-version" }>,
): string {
  if (found.kind === "no-version")
    return `version ${version} is not found; current is ${found.available.at(-1)}`;
  if (found.kind === "ambiguous") return `is one of several: ${found.candidates.join(", ")}`;
  const known = catalog.tasks.map((t) => t.name).slice(0, TASKS_NAMED_MAX);
  return `is not found; ${known.length === 0 ? "nothing is registered" : `tasks registered: ${known.join(", ")}`}`;
}
