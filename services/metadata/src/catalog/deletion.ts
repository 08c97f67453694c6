import { isOwnTask, ownTaskPrefix, type Variant, type Writer } from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";
import { architecturePrefix, taskKey, variantKey, variantPrefix } from "../records/keys";
import type { RecordView } from "../records/record-view";
import type { StoreWrite } from "../store/store";
import { checkOwner, findTask, newest, variantsOf, versions } from "./catalog-view";

/** How a deletion is asked for. */
export interface Deletion {
  /** Undefined: a member, or a user whom no token names. */
  readonly writer?: Writer | undefined;
  /** Of a task: with every architecture registered under it. Default false: it must have none. */
  readonly withModels?: boolean;
}

/** Names of what was deleted, sorted. */
export interface Deleted {
  readonly tasks: readonly string[];
  readonly architectures: readonly string[];
  readonly variants: readonly string[];
}

/** What a deletion writes, and what it takes from placements. */
export interface DeletionPlan {
  readonly writes: readonly StoreWrite[];
  /** Variants that are gone after it: no executor should hold them. */
  readonly gone: readonly string[];
  readonly result: Deleted;
}

/** Architectures that go with a task; each is two writes of a transaction of 128. */
export const ARCHITECTURES_DELETED_MAX = 40;

/**
 * Plans to delete the task, the architecture (all versions, variants, placements and aliases, and the task that
 * registration made for it alone) or the single variant that bears a name. NOT_FOUND for an unknown name,
 * PERMISSION_DENIED for what is another tenant's, FAILED_PRECONDITION for an alias, for the last variant of an
 * architecture, and for a task that has architectures, or more than 40 of them.
 */
export function planDeletion(view: RecordView, name: string, deletion: Deletion): DeletionPlan {
  if (findTask(view, name) !== undefined) return ofTask(view, name, deletion);
  if (versions(view, name).length > 0) {
    const tasks = hasOwnTask(view, name) ? [`${ownTaskPrefix}${name}`] : [];
    return ofArchitectures(view, { tasks, architectures: [name] }, deletion);
  }
  const variant = view.of("variant").find((one) => one.name === name);
  if (variant !== undefined) return ofVariant(view, variant, deletion);
  const aliased = view.of("architecture").find(({ aliases }) => aliases.includes(name));
  if (aliased === undefined) throw new ServiceError(Code.NOT_FOUND, `"${name}" is not registered`);
  const sentence = `"${name}" is an alias of architecture "${aliased.name}"; delete that, or register it without the alias`;
  throw new ServiceError(Code.FAILED_PRECONDITION, sentence);
}

function ofTask(view: RecordView, name: string, { writer, withModels }: Deletion): DeletionPlan {
  checkOwner(`task "${name}"`, findTask(view, name)?.owner ?? "", writer);
  const names = view.of("architecture").flatMap((one) => (one.task === name ? [one.name] : []));
  const architectures = [...new Set(names)].sort();
  if (architectures.length > 0 && withModels !== true) {
    const both = `task "${name}" has ${architectures.length} models, none is allowed: ${architectures.join(", ")}`;
    throw new ServiceError(Code.FAILED_PRECONDITION, `${both}; delete them first, or ask for them to go too`);
  }
  if (architectures.length > ARCHITECTURES_DELETED_MAX) {
    const both = `task "${name}" has ${architectures.length} models, ${ARCHITECTURES_DELETED_MAX} can be deleted at once`;
    throw new ServiceError(Code.FAILED_PRECONDITION, `${both}; delete some first`);
  }
  return ofArchitectures(view, { tasks: [name], architectures }, { writer });
}

function ofArchitectures(
  view: RecordView,
  { tasks, architectures }: Pick<Deleted, "tasks" | "architectures">,
  { writer }: Deletion,
): DeletionPlan {
  for (const name of architectures) checkOwner(`architecture "${name}"`, newest(view, name).owner, writer);
  const prefixes = architectures.flatMap((name) => [architecturePrefix(name), variantPrefix(name)]);
  const gone = architectures.flatMap((name) => variantsOf(view, name).map((variant) => variant.name)).sort();
  return {
    writes: [
      ...prefixes.map((prefix) => ({ kind: "deletePrefix", prefix }) as const),
      ...tasks.map((task) => ({ kind: "delete", key: taskKey(task) }) as const),
    ],
    gone,
    result: { tasks, architectures, variants: gone },
  };
}

/** Whether an architecture is of the task that registration made for it, and alone there. */
function hasOwnTask(view: RecordView, name: string): boolean {
  const { task } = newest(view, name);
  if (!isOwnTask(task) || task !== `${ownTaskPrefix}${name}`) return false;
  return view.of("architecture").every((other) => other.task !== task || other.name === name);
}

function ofVariant(view: RecordView, variant: Variant, { writer }: Deletion): DeletionPlan {
  const { name, architecture } = variant;
  checkOwner(`architecture "${architecture}"`, newest(view, architecture).owner, writer);
  if (variantsOf(view, architecture).length === 1) {
    const sentence = `"${name}" is the last variant of architecture "${architecture}"; delete that instead`;
    throw new ServiceError(Code.FAILED_PRECONDITION, sentence);
  }
  return {
    writes: [{ kind: "delete", key: variantKey(architecture, name) }],
    gone: [name],
    result: { tasks: [], architectures: [], variants: [name] },
  };
}
