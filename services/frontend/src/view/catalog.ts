import {
  type AdapterInput,
  type Architecture,
  type AxisLimit,
  adapterInput,
  type LoadOverride,
  loadedVariant,
  sameOverride,
  type Task,
  type TensorSpecs,
  variantFromWire,
  type Variant as WireVariant,
} from "@infaas/api";
import {
  allEntries,
  buildCatalog as buildPolicyCatalog,
  type Catalog as PolicyCatalog,
  type Resolution,
  resolveTarget,
  type Target,
  type TargetIndex,
  type Variant,
} from "@infaas/policy";
import { AcceptingVariants } from "./accepting-variants";

/** A name that queries may use: a variant, or a virtual model (architecture, task) that stands for several. */
export interface CatalogModel {
  readonly name: string;
  readonly target: Target;
  /** Version as clients see it: the architecture's, or the task's. */
  readonly version: string;
  /** Variants that may answer. Never empty for a variant. */
  readonly variants: readonly Variant[];
  /** Whose batching describes this model; of a task the first architecture by name. Null for a task without any. */
  readonly architecture: Architecture | null;
  /** Tensors as callers know them: the task's own, else the architecture's; none where neither is known. */
  readonly tensors: TensorSpecs;
  /** Its inputs that no request may leave out. */
  readonly requiredInputs: TensorSpecs["inputs"];
  /** The first axis of a request counts rows. */
  readonly batched: boolean;
  /** Most rows one request may have; 0 when not batched. */
  readonly maxBatch: number;
  /** Why nothing was measured of any of its variants; null: something was, or it has none. */
  readonly unprofiledReason: string | null;
  /** Load override that all its variants share; null: none, or several. */
  readonly loadOverride: LoadOverride | null;
  /** Variants, of this model and others, whose rows were found in service to change each other's answers, and how. */
  readonly batchingEnded: ReadonlyMap<string, string>;
  /** As of the catalog: inputs of pictures and texts by variant, of this model and others. */
  readonly adapted: ReadonlyMap<string, AdapterInput>;
  /** How large free axes of requests may be, by variant, of this model and others; absent: as they come. */
  readonly axisLimits: ReadonlyMap<string, readonly AxisLimit[]>;
}

/** Records a catalog is made of. */
export interface CatalogRecords {
  readonly tasks: Iterable<Task>;
  readonly architectures: Iterable<Architecture>;
  readonly variants: Iterable<WireVariant>;
}

/** Result of looking a name and a version up. */
export type Lookup =
  | { readonly kind: "found"; readonly model: CatalogModel }
  | Exclude<Resolution, { readonly kind: "resolved" }>;

/** All models by name. Immutable: a change of the registry makes a new one. */
export interface Catalog {
  readonly tasks: readonly Task[];
  /** Newest version of each architecture, also one whose variants are not recorded yet. */
  readonly architectures: readonly Architecture[];
  readonly wireVariants: readonly WireVariant[];
  /** Variants of the newest version of each architecture that has any. */
  readonly variants: readonly Variant[];
  /** All models by name: variants, architectures that have some, tasks; aliases are not listed. */
  readonly models: readonly CatalogModel[];
  /** The policy's indexes of all variants; names resolve through it. */
  readonly policy: PolicyCatalog;
  /** Names of variants that an operator unloaded. */
  readonly withheld: ReadonlySet<string>;
  /** Load overrides by variant; most variants have none. */
  readonly overrides: ReadonlyMap<string, LoadOverride>;
  /** Name of the BYTES input that queries of pictures or texts have, by variant; absent: it takes tensors alone. */
  readonly adapted: ReadonlyMap<string, AdapterInput>;
  /** The policy's indexes without withheld variants; selection uses it. */
  readonly servable: PolicyCatalog;
  /** Variants of a task that take what was sent. */
  readonly accepting: AcceptingVariants;
  /** Looks a name up as the policy resolves it; an empty version is the newest. O(1), O(tasks) for a shortened task. */
  find(name: string, version: string): Lookup;
  /** Unreadable records with the reason: logged, never served. */
  readonly faults: readonly string[];
}

/** Builds the catalog. O(records). */
export function buildCatalog(records: CatalogRecords): Catalog {
  const tasks = [...records.tasks].sort(byName);
  const architectures = [...records.architectures].sort(byName);
  const wire = [...records.variants].sort(byName);
  const { variants: readable, faults } = convertAll(wire);
  const policyOf = (list: readonly Variant[]) =>
    buildPolicyCatalog({
      tasks: tasks.map((t) => t.name),
      taskVersions: new Map(tasks.map((t) => [t.name, Math.max(1, t.version)])),
      variants: list,
      aliases: new Map(architectures.flatMap((a) => a.aliases.map((alias) => [alias, a.name]))),
    });
  const policy = policyOf(readable);
  const withheld = new Set(wire.filter((v) => v.withheld).map((v) => v.name));
  const variants = [...policy.architectures.values()].flatMap(variantsOf).sort(byName);
  const current = new Set(variants.map((v) => v.name));
  const overrides = new Map(
    wire.flatMap(({ name, loadOverride: o }) => (o === undefined ? [] : [[name, o] as const])),
  );
  const adapted = new Map(
    wire.flatMap(({ name, adapter }) => {
      const input = adapter === undefined ? null : adapterInput(adapter);
      return input === null ? [] : [[name, input] as const];
    }),
  );
  const batchingEnded = new Map(
    wire.flatMap(({ name, batchingEnded: reason }) => (reason === "" ? [] : [[name, reason] as const])),
  );
  const axisLimits = new Map(
    wire.flatMap((v) => (v.axisLimits.length === 0 ? [] : [[v.name, loadedVariant(v).axisLimits] as const])),
  );
  const found = { overrides, adapted, batchingEnded, axisLimits };
  const models = modelsOf(policy, variants, { tasks, architectures, ...found });
  const byTarget = new Map(models.map((m) => [targetKey(m.target), m]));
  const servable = withheld.size === 0 ? policy : policyOf(readable.filter((v) => !withheld.has(v.name)));
  const isServed = ({ name, version }: Architecture) =>
    policy.architectures.get(name)?.entries[0]?.variant.version === version;
  return {
    tasks,
    architectures: newestVersions(architectures),
    wireVariants: wire.filter((v) => current.has(v.name)),
    variants,
    models,
    policy,
    withheld,
    overrides,
    adapted,
    servable,
    accepting: new AcceptingVariants(tasks, architectures.filter(isServed), servable),
    faults,
    find: (name, version) => {
      const resolution = resolveTarget(policy, name, version);
      if (resolution.kind !== "resolved") return resolution;
      const model = byTarget.get(targetKey(resolution.target));
      return model === undefined ? { kind: "unknown", name } : { kind: "found", model };
    },
  };
}

/** What models are made from besides their variants. */
interface VariantRecords {
  readonly tasks: ReadonlyMap<string, Task>;
  readonly architectureOf: (variant: Variant) => Architecture | null;
  readonly overrides: Catalog["overrides"];
  readonly batchingEnded: CatalogModel["batchingEnded"];
  readonly axisLimits: CatalogModel["axisLimits"];
  readonly adapted: CatalogModel["adapted"];
}

function modelsOf(
  policy: PolicyCatalog,
  variants: readonly Variant[],
  o: Pick<Catalog, "tasks" | "architectures"> &
    Pick<VariantRecords, "overrides" | "adapted" | "batchingEnded" | "axisLimits">,
): readonly CatalogModel[] {
  const byVersion = new Map(o.architectures.map((a) => [`${a.name}@${a.version}`, a]));
  const architectureOf = (v: Variant) => byVersion.get(`${v.architecture}@${v.version}`) ?? null;
  const tasks = new Map(o.tasks.map((task) => [task.name, task]));
  const { overrides, adapted, batchingEnded, axisLimits } = o;
  const records = { tasks, architectureOf, overrides, adapted, batchingEnded, axisLimits };
  const groups = [...policy.architectures.values(), ...policy.tasks.values()];
  return [
    ...variants.map((v) => modelOf({ kind: "variant", name: v.name }, [v], records)),
    ...groups.map((index) => modelOf(index.target, variantsOf(index).sort(byName), records)),
  ];
}

const NO_TENSORS: TensorSpecs = { inputs: [], outputs: [] };

/** A task counts rows as its signature says; without one, when every architecture behind the name does. */
function modelOf(
  target: Target,
  variants: readonly Variant[],
  { tasks, architectureOf, overrides, adapted, batchingEnded, axisLimits }: VariantRecords,
): CatalogModel {
  const architectures = [...new Set(variants.map(architectureOf))].flatMap((a) => a ?? []).sort(byName);
  const task = target.kind === "task" ? tasks.get(target.name) : undefined;
  const allBatched = architectures.every((a) => a.batchable);
  const batched = architectures.length > 0 && (task?.signature?.batchable ?? allBatched);
  const tensors = task?.signature ?? architectures[0] ?? NO_TENSORS;
  const version = target.kind === "task" ? task?.version : variants[0]?.version;
  return {
    name: target.name,
    target,
    version: String(Math.max(1, version ?? 1)),
    variants,
    architecture: architectures[0] ?? null,
    tensors,
    requiredInputs: tensors.inputs.filter(({ optional }) => !optional),
    batched,
    maxBatch: batched ? variants.reduce((max, v) => Math.max(max, v.maxBatch), 0) : 0,
    unprofiledReason: sharedReason(variants),
    loadOverride: overrides.size === 0 ? null : sharedOverride(variants, overrides),
    adapted,
    batchingEnded,
    axisLimits,
  };
}

function sharedReason(variants: readonly Variant[]): string | null {
  const isMeasured = variants.some(({ unprofiledReason }) => unprofiledReason === undefined);
  return isMeasured ? null : (variants[0]?.unprofiledReason ?? null);
}

function sharedOverride(variants: readonly Variant[], overrides: Catalog["overrides"]): LoadOverride | null {
  const [first, ...rest] = variants.map((v) => overrides.get(v.name));
  return first !== undefined && rest.every((other) => sameOverride(first, other)) ? first : null;
}

function variantsOf(index: TargetIndex): Variant[] {
  return allEntries(index).map((e) => e.variant);
}

function targetKey({ kind, name }: Target): string {
  return `${kind} ${name}`;
}

function convertAll(wire: readonly WireVariant[]): { variants: Variant[]; faults: string[] } {
  const variants: Variant[] = [];
  const faults: string[] = [];
  for (const record of wire) {
    const converted = convertOnce(record);
    if (converted.ok) variants.push(converted.value);
    else faults.push(`variant ${record.name}: ${converted.fault}`);
  }
  return { variants, faults };
}

/** Keeps the object of an unchanged record, so that figures of its instances stay with it. */
const convertedRecords = new WeakMap<WireVariant, ReturnType<typeof variantFromWire>>();

function convertOnce(record: WireVariant): ReturnType<typeof variantFromWire> {
  let converted = convertedRecords.get(record);
  if (converted === undefined) {
    converted = variantFromWire(record);
    convertedRecords.set(record, converted);
  }
  return converted;
}

function newestVersions(architectures: Iterable<Architecture>): Architecture[] {
  const newest = new Map<string, Architecture>();
  for (const a of architectures) {
    if ((newest.get(a.name)?.version ?? 0) < a.version) newest.set(a.name, a);
  }
  return [...newest.values()];
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
