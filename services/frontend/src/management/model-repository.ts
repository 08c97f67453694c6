import { create } from "@bufbuild/protobuf";
import {
  type ClusterService,
  InstancePhase,
  type LoadOverride,
  LoadOverrideSchema,
  type RegistryService,
  sameOverride,
  type Variant,
  type Writer,
} from "@infaas/api";
import { USER_CALL_TIMEOUT_MS, writerOf } from "@infaas/cluster";
import { PLACEMENT_PRIORITY, type PlannedInstance, planInitialPlacement } from "@infaas/policy";
import { type Caller, type ClientOf, type Clock, Code, ServiceError } from "@infaas/runtime";
import { instancesPerExecutor } from "../control/placement-repair";
import type { CatalogModel } from "../view/catalog";
import { checkOwner } from "../view/check-owner";
import type { ClusterView } from "../view/cluster-view";
import { findModel } from "../view/find-model";
import { repositoryState } from "../view/model-readiness";
import { planAnew, TOLD_MAX_MS } from "../view/plan-anew";
import { ViewChanges } from "../view/view-changes";
import { readLoadConfig } from "./load-config";
import { modelConfigMessage } from "./model-config";

export interface ModelRepositoryOptions {
  readonly view: ClusterView;
  readonly clock: Clock;
  readonly cluster: ClientOf<typeof ClusterService>;
  readonly registry: ClientOf<typeof RegistryService>;
}

/** How long an operator's load may take until every instance answers. */
const LOAD_MAX_MS = 120_000;
/** How long an operator's unload may take: an instance drains for 30 s at most. */
const UNLOAD_MAX_MS = 40_000;

/**
 * Loads and unloads by name, as an operator wants it: a variant, or the efficient variants of an architecture
 * or a task. What was unloaded stays so, for every frontend and over restarts, until it is loaded by name:
 * see `Variant.withheld`. So does what a load overrode, until the name is loaded anew: see
 * `Variant.load_override`.
 */
export class ModelRepository {
  readonly view: ClusterView;
  readonly changes: ViewChanges;

  constructor(private readonly o: ModelRepositoryOptions) {
    this.view = o.view;
    this.changes = new ViewChanges(o.view, o.clock);
  }

  /**
   * Resolves when what was placed answers queries as `config` says (Triton's ModelConfig in JSON), or as it
   * was registered without one; at once when it does already. NOT_FOUND for an unknown name, INVALID_ARGUMENT
   * for a config that cannot be, RESOURCE_EXHAUSTED when no executor has room, UNAVAILABLE when there is none
   * or the load failed; what answered before goes on as it was then. PERMISSION_DENIED when it is another
   * tenant's.
   */
  async load(name: string, config: string | null = null, caller?: Caller): Promise<void> {
    const model = findModel(this.view, name, "");
    const writer = this.checkOwners(model, caller);
    const override = config === null ? null : this.overrideOf(name, model, config);
    const before = new Map(this.recordsOf(model).map((v) => [v.name, v.loadOverride]));
    const serving = this.servingOf(model);
    await this.record(model, (v) => loadedWith(v, override), writer);
    try {
      await this.place(name, serving);
    } catch (fault) {
      // What another load or an unload has recorded since is not this one's to take back.
      const isOwn = (v: Variant) => !v.withheld && sameOverride(v.loadOverride, override ?? undefined);
      const undone = (v: Variant) => (isOwn(v) ? loadedWith(v, before.get(v.name) ?? null) : v);
      await this.record(model, undone, writer);
      throw fault;
    }
  }

  private async place(name: string, serving: readonly AwaitedInstance[]): Promise<void> {
    let plan: readonly AwaitedInstance[] = [];
    await planAnew(this, async (readRevision) => {
      const model = findModel(this.view, name, "");
      plan = this.plan(model).map((placement) => ({ ...placement, reasonBefore: "" }));
      await this.setPlacements(plan, { wanted: true, plan: "loaded by name", readRevision });
    });
    const late = `'${name}' was not loaded within ${LOAD_MAX_MS} ms`;
    await this.changes.until(
      (view) => [...plan, ...serving].every((placement) => isServing(view, placement)),
      LOAD_MAX_MS,
      new ServiceError(Code.DEADLINE_EXCEEDED, late),
    );
  }

  /**
   * Resolves when the last query that ran is answered and the memory is given back. NOT_FOUND for an unknown
   * name, PERMISSION_DENIED when it is another tenant's, FAILED_PRECONDITION when another
   * loads it meanwhile.
   */
  async unload(name: string, caller?: Caller): Promise<void> {
    const model = findModel(this.view, name, "");
    const writer = this.checkOwners(model, caller);
    await this.record(model, (v) => ({ ...v, withheld: true }), writer);
    const names = new Set(model.variants.map((v) => v.name));
    await planAnew(this, (readRevision) => this.unplace(model, names, readRevision));
    const late = `'${name}' was not unloaded within ${UNLOAD_MAX_MS} ms`;
    await this.changes.until(
      (view) =>
        [...view.allStatuses()].every(([, s]) => !names.has(s.variant) || s.phase === InstancePhase.FAILED),
      UNLOAD_MAX_MS,
      new ServiceError(Code.DEADLINE_EXCEEDED, late),
    );
  }

  private async unplace(
    model: CatalogModel,
    names: ReadonlySet<string>,
    readRevision: bigint,
  ): Promise<void> {
    const loaded = this.recordsOf(model).find((v) => !v.withheld);
    if (loaded !== undefined) {
      const sentence = `'${loaded.name}' was loaded by another while it was unloaded; unload it again`;
      throw new ServiceError(Code.FAILED_PRECONDITION, sentence);
    }
    const placed = [...this.view.placements].filter((p) => names.has(p.variant));
    await this.setPlacements(placed, { wanted: false, plan: "", readRevision });
  }

  private async setPlacements(
    instances: readonly PlannedInstance[],
    asked: { readonly wanted: boolean; readonly plan: string; readonly readRevision: bigint },
  ): Promise<void> {
    const { wanted, plan, readRevision } = asked;
    const placements = instances.map(({ variant, executor }) => {
      return { variant, executor, reason: "operator", plan, priority: PLACEMENT_PRIORITY.operator };
    });
    const call = { placements, wanted, readRevision };
    if (placements.length > 0) await this.o.cluster.setPlacement(call, { timeoutMs: USER_CALL_TIMEOUT_MS });
  }

  /** Throws unless all that the name stands for may be changed by the caller; returns on whose behalf it is. */
  private checkOwners(model: CatalogModel, caller: Caller | undefined): Writer | undefined {
    const writer = caller === undefined ? undefined : writerOf(caller);
    const names = new Set(model.variants.map((v) => v.architecture));
    for (const { name, owner } of this.view.catalog.architectures)
      if (names.has(name)) checkOwner(`architecture '${name}'`, owner, writer);
    return writer;
  }

  /** Resolves once this version of an architecture is known here with its variants. */
  async known(architecture: string, version: number): Promise<void> {
    const late = `metadata did not tell of version ${version} of '${architecture}' in time`;
    await this.changes.until(
      ({ catalog }) => catalog.find(architecture, String(version)).kind === "found",
      TOLD_MAX_MS,
      new ServiceError(Code.UNAVAILABLE, late),
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

  /** What a config says otherwise than registration found; throws INVALID_ARGUMENT. */
  private overrideOf(name: string, model: CatalogModel, config: string): LoadOverride | null {
    const records = this.recordsOf(model);
    const cores = [...this.view.executors.values()].map((e) => e.cores);
    const threads = Math.max(...records.map((v) => v.threads));
    const maxBatch = model.batched ? Math.max(...records.map((v) => v.maxBatch)) : 0;
    const read = readLoadConfig(config, {
      registered: modelConfigMessage(name, { ...model, maxBatch, loadOverride: null }),
      names: [...new Set([name, model.name])],
      version: Number(model.version),
      concurrencies: records.map((v) => v.concurrency),
      concurrencyMax: Math.floor(Math.max(1, ...cores) / threads),
      axisLimits: records.flatMap((v) => v.axisLimits),
    });
    if (!read.ok) throw new ServiceError(Code.INVALID_ARGUMENT, read.fault);
    return read.override === null ? null : create(LoadOverrideSchema, read.override);
  }

  /** Instances that answer now, which a load waits for where they are to be loaded in another way. */
  private servingOf({ variants }: CatalogModel): readonly AwaitedInstance[] {
    const names = new Set(variants.map((v) => v.name));
    return this.view.instances
      .filter((instance) => names.has(instance.variant))
      .map(({ variant, executor }) => {
        const reasonBefore = this.view.status(variant, executor)?.reason ?? "";
        return { variant, executor, reasonBefore };
      });
  }

  private recordsOf(model: CatalogModel): readonly Variant[] {
    const names = new Set(model.variants.map((v) => v.name));
    return this.view.catalog.wireVariants.filter((v) => names.has(v.name));
  }

  /** Records the operator's wish, which `change` makes of a variant however often, and waits to see it. */
  private async record(
    model: CatalogModel,
    change: (variant: Variant) => Variant,
    actor: Writer | undefined,
  ): Promise<void> {
    const differs = () => this.recordsOf(model).filter((v) => !isSameWish(v, change(v)));
    const names = new Set(model.variants.map((v) => v.name));
    const wish = (v: Variant) => (names.has(v.name) ? change(v) : v);
    for (const architecture of new Set(differs().map((v) => v.architecture)))
      await this.recordVariants(architecture, wish, actor);
    const late = new ServiceError(Code.UNAVAILABLE, `metadata did not tell of '${model.name}' in time`);
    await this.changes.until(() => differs().length === 0, TOLD_MAX_MS, late);
  }

  /**
   * Variants are replaced by architecture: where another changed one of them meanwhile, the wish is made anew
   * of what it is now.
   */
  private async recordVariants(
    architecture: string,
    wish: (variant: Variant) => Variant,
    actor: Writer | undefined,
  ): Promise<void> {
    await planAnew(this, async (readRevision) => {
      const read = this.view.catalog.wireVariants.filter((v) => v.architecture === architecture);
      const acting = actor === undefined ? {} : { actor };
      const version = read[0]?.version ?? 1;
      const put = { architecture, version, variants: read.map(wish), readRevision, ...acting };
      await this.o.registry.putVariants(put, { timeoutMs: USER_CALL_TIMEOUT_MS });
    });
  }
}

function loadedWith({ loadOverride: _, ...variant }: Variant, override: LoadOverride | null): Variant {
  return { ...variant, withheld: false, ...(override === null ? {} : { loadOverride: override }) };
}

function isSameWish(a: Variant, b: Variant): boolean {
  return a.withheld === b.withheld && sameOverride(a.loadOverride, b.loadOverride);
}

/** An instance that a load waits for. */
interface AwaitedInstance extends PlannedInstance {
  /** What was said of an earlier load of it. */
  readonly reasonBefore: string;
}

/** Whether the instance answers, loaded as its record says; throws when it never will. */
function isServing(view: ClusterView, { variant, executor, reasonBefore }: AwaitedInstance): boolean {
  if (!view.executors.has(executor))
    throw new ServiceError(Code.UNAVAILABLE, `executor ${executor} left while loading ${variant}`);
  const status = view.status(variant, executor);
  if (status === undefined) return false;
  const isAsWanted = sameOverride(status.loadOverride, view.catalog.overrides.get(variant));
  const isReady = status.phase === InstancePhase.READY;
  if (isAsWanted && isReady && view.instance(variant, executor) !== undefined) return true;
  const isFailed = isReady ? !isAsWanted && status.reason !== "" : status.phase === InstancePhase.FAILED;
  if (isFailed && (isAsWanted || isReady) && status.reason !== reasonBefore)
    throw new ServiceError(Code.UNAVAILABLE, `${variant} failed to load on ${executor}: ${status.reason}`);
  return false;
}
