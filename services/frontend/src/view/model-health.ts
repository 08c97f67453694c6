import type { Health } from "@infaas/runtime";
import type { Catalog } from "./catalog";
import type { ClusterView } from "./cluster-view";
import { isReady } from "./model-readiness";

/**
 * Keeps grpc.health.v1 true for every name that queries may use (task, also shortened, architecture, alias, variant): serving
 * while an instance is ready or can be loaded.
 */
export class ModelHealth {
  private readonly told = new Map<string, boolean>();

  constructor(
    private readonly view: Pick<ClusterView, "catalog" | "instances" | "executors" | "onStructure">,
    private readonly health: Health,
  ) {
    view.onStructure(() => this.update());
  }

  private update(): void {
    const names = new Set<string>();
    for (const name of namesOf(this.view.catalog)) {
      const found = this.view.catalog.find(name, "");
      if (found.kind !== "found") continue;
      names.add(name);
      const serving = isReady(this.view, found.model);
      if (this.told.get(name) === serving) continue;
      this.told.set(name, serving);
      this.health.set(name, serving);
    }
    for (const name of this.told.keys()) {
      if (names.has(name)) continue;
      this.told.delete(name);
      this.health.remove(name);
    }
  }
}

function namesOf({ models, architectures, tasks }: Catalog): Set<string> {
  const shortened = tasks.flatMap((task) => task.name.split("/").slice(0, 1));
  return new Set([
    ...models.map((model) => model.name),
    ...architectures.flatMap((a) => a.aliases),
    ...shortened,
  ]);
}
