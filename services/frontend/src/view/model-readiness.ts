import { InstancePhase } from "@infaas/api";
import type { CatalogModel } from "./catalog";
import type { ClusterView } from "./cluster-view";

/** State of a model in a repository index, by the protocol's words, and why. */
export interface RepositoryState {
  readonly state: "READY" | "LOADING" | "UNLOADING" | "UNAVAILABLE";
  readonly reason: string;
}

/** True when a query of this name can be answered now or after a load: some executor takes work, and not all is unloaded. */
export function isReady(
  { catalog, instances, executors }: Pick<ClusterView, "catalog" | "instances" | "executors">,
  { variants }: CatalogModel,
): boolean {
  const names = new Set(variants.map((v) => v.name).filter((name) => !catalog.withheld.has(name)));
  if (names.size === 0) return false;
  if (instances.some((instance) => names.has(instance.variant))) return true;
  return [...executors.values()].some((executor) => executor.accepting);
}

/** Returns the best state that any variant of this name has. */
export function repositoryState(view: ClusterView, { variants }: CatalogModel): RepositoryState {
  const names = new Set(variants.map((v) => v.name));
  const { withheld } = view.catalog;
  if (view.instances.some(({ variant }) => names.has(variant) && !withheld.has(variant)))
    return { state: "READY", reason: "" };
  const statuses = [...view.allStatuses()].map(([, status]) => status).filter((s) => names.has(s.variant));
  const inPhase = (...phases: InstancePhase[]) => statuses.find((s) => phases.includes(s.phase));
  if (inPhase(InstancePhase.LOADING, InstancePhase.PROBING)) return { state: "LOADING", reason: "" };
  if (inPhase(InstancePhase.DRAINING, InstancePhase.READY)) return { state: "UNLOADING", reason: "" };
  const failed = inPhase(InstancePhase.FAILED);
  if (failed !== undefined) return { state: "UNAVAILABLE", reason: failed.reason };
  const isUnloaded = variants.every((v) => withheld.has(v.name));
  return {
    state: "UNAVAILABLE",
    reason: isUnloaded ? "unloaded" : "not loaded; a query that needs it loads it",
  };
}
