import type { Architecture, Task, Variant as WireVariant } from "@infaas/api";
import { variantFromWire } from "@infaas/api";
import type { Target, Variant } from "@infaas/policy";

/** A name that may be asked for: a variant, or a virtual model (architecture, task) that stands for several. */
export interface CatalogModel {
  readonly name: string;
  readonly target: Target;
  /** Version as clients see it: the architecture's, or `1` for a task. */
  readonly version: string;
  /** Variants that may answer. Never empty for a variant. */
  readonly variants: readonly Variant[];
  /** Whose tensors describe this model; of a task the first architecture by name. Null for a task without any. */
  readonly architecture: Architecture | null;
  /** The first axis of a request counts rows. */
  readonly batched: boolean;
  /** Most rows one request may have; 0 when not batched. */
  readonly maxBatch: number;
}

/** Records a catalog is made of. */
export interface CatalogRecords {
  readonly tasks: Iterable<Task>;
  readonly architectures: Iterable<Architecture>;
  readonly variants: Iterable<WireVariant>;
}

/** Everything that may be asked for, by name. A value: made anew when the registry changes. */
export interface Catalog {
  readonly tasks: readonly Task[];
  readonly architectures: readonly Architecture[];
  readonly wireVariants: readonly WireVariant[];
  /** Variants of the newest version of each architecture. */
  readonly variants: readonly Variant[];
  /** All models by name: variants, architectures, tasks; aliases are not listed. */
  readonly models: readonly CatalogModel[];
  /** Looks a name up: variant, then architecture or alias, then task or the part of a task before the slash. O(1). */
  find(name: string): CatalogModel | undefined;
  /** Records that could not be read, with the reason: shown in the log, never served. */
  readonly faults: readonly string[];
}

/** Version under which a task is shown. */
const TASK_VERSION = "1";

/** Builds the catalog. O(records). */
export function buildCatalog(records: CatalogRecords): Catalog {
  const tasks = [...records.tasks].sort(byName);
  const architectures = newestVersions(records.architectures).sort(byName);
  const current = new Map(architectures.map((a) => [a.name, a]));
  const wireVariants = [...records.variants]
    .filter((v) => current.get(v.architecture)?.version === v.version)
    .sort(byName);
  const { variants, faults } = convertAll(wireVariants);
  const models = [
    ...variants.map((v) => variantModel(v, current.get(v.architecture) ?? null)),
    ...architectures.map((a) =>
      groupModel("architecture", a.name, variantsOf(variants, "architecture", a.name), [a]),
    ),
    ...tasks.map((t) =>
      groupModel(
        "task",
        t.name,
        variantsOf(variants, "task", t.name),
        architectures.filter((a) => a.task === t.name),
      ),
    ),
  ];
  const names = index(models, architectures);
  return { tasks, architectures, wireVariants, variants, models, faults, find: (name) => names.get(name) };
}

function variantModel(variant: Variant, architecture: Architecture | null): CatalogModel {
  const batched = architecture?.batchable ?? false;
  return {
    name: variant.name,
    target: { kind: "variant", name: variant.name },
    version: String(variant.version),
    variants: [variant],
    architecture,
    batched,
    maxBatch: batched ? variant.maxBatch : 0,
  };
}

function groupModel(
  kind: "architecture" | "task",
  name: string,
  variants: readonly Variant[],
  architectures: readonly Architecture[],
): CatalogModel {
  const architecture = architectures[0] ?? null;
  const batched = architectures.length > 0 && architectures.every((a) => a.batchable);
  return {
    name,
    target: { kind, name },
    version: kind === "task" ? TASK_VERSION : String(architecture?.version ?? 1),
    variants,
    architecture,
    batched,
    maxBatch: batched ? variants.reduce((max, v) => Math.max(max, v.maxBatch), 0) : 0,
  };
}

/** Names in the order of lookup: what is entered first stays. */
function index(
  models: readonly CatalogModel[],
  architectures: readonly Architecture[],
): ReadonlyMap<string, CatalogModel> {
  const names = new Map<string, CatalogModel>();
  const enter = (name: string, model: CatalogModel | undefined) => {
    if (model !== undefined && name !== "" && !names.has(name)) names.set(name, model);
  };
  const byKind = (kind: Target["kind"]) => models.filter((m) => m.target.kind === kind);
  for (const model of byKind("variant")) enter(model.name, model);
  for (const model of byKind("architecture")) enter(model.name, model);
  const architectureModels = new Map(byKind("architecture").map((m) => [m.name, m]));
  for (const a of architectures) for (const alias of a.aliases) enter(alias, architectureModels.get(a.name));
  for (const model of byKind("task")) enter(model.name, model);
  for (const model of byKind("task")) {
    const short = model.name.split("/")[0] ?? "";
    if (byKind("task").filter((m) => m.name.split("/")[0] === short).length === 1) enter(short, model);
  }
  return names;
}

function variantsOf(
  variants: readonly Variant[],
  key: "architecture" | "task",
  name: string,
): readonly Variant[] {
  return variants.filter((v) => v[key] === name);
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

/** A record that did not change stays the same variant, so that what is known about its instances stays with it. */
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
