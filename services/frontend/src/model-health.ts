import type { Health } from "@infaas/runtime";
import type { ClusterView } from "./cluster-view";
import { isReady } from "./model-readiness";

/** Keeps grpc.health.v1 true per task, architecture and variant: serving while an instance is ready or can be loaded. */
export class ModelHealth {
  private readonly told = new Map<string, boolean>();

  constructor(
    private readonly view: ClusterView,
    private readonly health: Health,
  ) {
    view.onStructure(() => this.update());
  }

  private update(): void {
    const names = new Set<string>();
    for (const model of this.view.catalog.models) {
      names.add(model.name);
      const serving = isReady(this.view, model);
      if (this.told.get(model.name) === serving) continue;
      this.told.set(model.name, serving);
      this.health.set(model.name, serving);
    }
    for (const name of this.told.keys()) {
      if (names.has(name)) continue;
      this.told.delete(name);
      this.health.remove(name);
    }
  }
}
