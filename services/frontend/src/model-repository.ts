import { type ClusterService, InstancePhase, type RegistryService } from "@infaas/api";
import { type PlannedInstance, planInitialPlacement } from "@infaas/policy";
import { type ClientOf, type Clock, Code, ServiceError } from "@infaas/runtime";
import type { CatalogModel } from "./catalog";
import type { ClusterView } from "./cluster-view";
import { repositoryState } from "./model-readiness";
import { findModel } from "./open-inference";
import { instancesPerExecutor } from "./placement-repair";
import { ViewChanges } from "./view-changes";

/** What the repository works on. */
export interface ModelRepositoryOptions {
  readonly view: ClusterView;
  readonly clock: Clock;
  readonly cluster: ClientOf<typeof ClusterService>;
  readonly registry: ClientOf<typeof RegistryService>;
}

const CALL_TIMEOUT_MS = 10_000;
/** How long an operator's load may take until every instance answers. */
const LOAD_MAX_MS = 120_000;
/** How long an operator's unload may take: an instance drains for 30 s at most. */
const UNLOAD_MAX_MS = 40_000;

/**
 * Loads and unloads by name, as an operator wants it: a variant, or the efficient variants of an architecture or a task.
 * What was unloaded stays so, for every frontend and over restarts, until it is loaded by name: see `Variant.withheld`.
 */
export class ModelRepository {
  readonly view: ClusterView;
  private readonly changes: ViewChanges;

  constructor(private readonly o: ModelRepositoryOptions) {
    this.view = o.view;
    this.changes = new ViewChanges(o.view, o.clock);
  }

  /**
   * Resolves when what was placed answers queries; at once when it does already. NOT_FOUND for an unknown name,
   * RESOURCE_EXHAUSTED when no executor has room, UNAVAILABLE when there is none or the load failed.
   */
  async load(name: string): Promise<void> {
    const model = findModel(this.view, name, "");
    await this.setWithheld(model, false);
    const plan = this.plan(model);
    for (const placement of plan) {
      await this.o.cluster.setPlacement(
        { placement: { ...placement, reason: "operator" }, wanted: true },
        { timeoutMs: CALL_TIMEOUT_MS },
      );
    }
    const late = `'${name}' was not loaded within ${LOAD_MAX_MS} ms`;
    await this.changes.until(
      (view) => plan.every((placement) => isServing(view, placement)),
      LOAD_MAX_MS,
      new ServiceError(Code.DEADLINE_EXCEEDED, late),
    );
  }

  /** Resolves when the last query that ran is answered and the memory is given back. NOT_FOUND for an unknown name. */
  async unload(name: string): Promise<void> {
    const model = findModel(this.view, name, "");
    await this.setWithheld(model, true);
    const names = new Set(model.variants.map((v) => v.name));
    for (const { variant, executor } of [...this.view.placements].filter((p) => names.has(p.variant))) {
      await this.o.cluster.setPlacement(
        { placement: { variant, executor }, wanted: false },
        { timeoutMs: CALL_TIMEOUT_MS },
      );
    }
    const late = `'${name}' was not unloaded within ${UNLOAD_MAX_MS} ms`;
    await this.changes.until(
      (view) =>
        [...view.allStatuses()].every(([, s]) => !names.has(s.variant) || s.phase === InstancePhase.FAILED),
      UNLOAD_MAX_MS,
      new ServiceError(Code.DEADLINE_EXCEEDED, late),
    );
  }

  /** Every name with its state; with `readyOnly` those that are loaded. */
  index(readyOnly: boolean) {
    return this.view.catalog.models.flatMap((model) => {
      const { state, reason } = repositoryState(this.view, model);
      if (readyOnly && state !== "READY") return [];
      return [{ name: model.name, version: model.version, state, reason }];
    });
  }

  /** What to load: the efficient variants of the model that no executor serves yet. */
  private plan(model: CatalogModel): readonly PlannedInstance[] {
    const { view } = this;
    const executors = [...view.executors.values()];
    const { placements, leftOut } = planInitialPlacement(
      model.variants,
      executors,
      instancesPerExecutor(view.placements),
    );
    const served = new Set(view.instances.map((i) => i.variant));
    const missing = placements.filter((p) => !served.has(p.variant));
    if (placements.length > 0 || model.variants.some((v) => served.has(v.name))) return missing;
    if (!executors.some((e) => e.accepting))
      throw new ServiceError(Code.UNAVAILABLE, `no executor takes work that could load '${model.name}'`);
    const reasons = leftOut.map((v) => `${v.variant}: ${v.reason}`).join(", ");
    throw new ServiceError(
      Code.RESOURCE_EXHAUSTED,
      `'${model.name}' cannot be loaded: ${reasons || "it has no variants"}`,
    );
  }

  /** Records the operator's wish with the variants, whose record is replaced by architecture, and waits to see it. */
  private async setWithheld(model: CatalogModel, withheld: boolean): Promise<void> {
    const names = new Set(model.variants.map((v) => v.name));
    const differs = (view: ClusterView) =>
      [...names].filter((name) => view.catalog.withheld.has(name) !== withheld);
    const others = new Set(differs(this.view));
    const { wireVariants } = this.view.catalog;
    for (const architecture of new Set(model.variants.map((v) => v.architecture))) {
      const family = wireVariants.filter((v) => v.architecture === architecture);
      if (!family.some((v) => others.has(v.name))) continue;
      const variants = family.map((v) => (others.has(v.name) ? { ...v, withheld } : v));
      const version = variants[0]?.version ?? 1;
      await this.o.registry.putVariants({ architecture, version, variants }, { timeoutMs: CALL_TIMEOUT_MS });
    }
    const late = new ServiceError(Code.UNAVAILABLE, `metadata did not tell of '${model.name}' in time`);
    await this.changes.until((view) => differs(view).length === 0, CALL_TIMEOUT_MS, late);
  }
}

/** Whether the instance answers; throws when it never will. */
function isServing(view: ClusterView, { variant, executor }: PlannedInstance): boolean {
  if (view.instance(variant, executor) !== undefined) return true;
  if (!view.executors.has(executor))
    throw new ServiceError(Code.UNAVAILABLE, `executor ${executor} left while loading ${variant}`);
  const status = view.status(variant, executor);
  if (status?.phase === InstancePhase.FAILED)
    throw new ServiceError(Code.UNAVAILABLE, `${variant} failed to load on ${executor}: ${status.reason}`);
  return false;
}
