import { create, equals } from "@bufbuild/protobuf";
import {
  type ExecutorPlacement,
  ExecutorPlacementSchema,
  PLANNED_AT_ONCE_MAX,
  type PlacedVariant,
  PlacedVariantSchema,
  type Placement,
  type Variant,
} from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";
import { placementOf, putPlacement } from "../records/executor-placements";
import type { GuardedWriter } from "../records/guarded-writer";
import { executorPlacementKey } from "../records/keys";
import { checkName } from "../records/names";
import type { RecordView } from "../records/record-view";
import type { StoreWrite } from "../store/store";
import { leads, nobodyLeads } from "./leads";
import {
  checkEntry,
  checkHost,
  checkPlacement,
  checkPlacementRead,
  checkVariantRead,
  executorMember,
} from "./placement-rules";

/** What executors should hold, as a leader plans it. */
export interface PlacementPlan {
  /** As they are to be; those of other executors stay. */
  readonly placements: readonly ExecutorPlacement[];
  /** Term of the leader that writes. */
  readonly term: bigint;
  /** Revision up to which it had seen what it planned by. */
  readonly readRevision: bigint;
}

/**
 * Replaces all that these executors should hold, in one transaction. What is as planned already is not written. FAILED_PRECONDITION,
 * with both terms, for a leader that leads no longer, ABORTED when one of these placements, or a variant that is new in one, changed
 * after `readRevision`, NOT_FOUND for a new variant that is unknown or whose executor has not joined, INVALID_ARGUMENT for a
 * plan that cannot be.
 */
export async function setPlacements(writer: GuardedWriter, plan: PlacementPlan): Promise<bigint> {
  const { placements, term, readRevision } = plan;
  if (term <= 0n)
    throw new ServiceError(Code.INVALID_ARGUMENT, `a plan has the term of a leader, not ${term}`);
  if (readRevision <= 0n)
    throw new ServiceError(
      Code.INVALID_ARGUMENT,
      "a plan is made of records; the revision that was read is not given",
    );
  checkCount(placements.length);
  for (const placement of placements) checkPlacement(placement);
  if (new Set(placements.map((p) => p.executor)).size < placements.length)
    throw new ServiceError(Code.INVALID_ARGUMENT, "an executor is planned twice");
  const { revision } = await writer.write((view) => {
    const compares = [leads(view, term)];
    const variants = lookup(view);
    const writes = placements.flatMap((p) => planned(view, { ...p, term }, { variants, readRevision }));
    return { writes, compares, result: null };
  });
  return revision;
}

/**
 * Wants instances on executors, or wants them no longer, in one transaction: for the reason `operator`, for any other only while
 * nobody leads (FAILED_PRECONDITION). The same again is wanted anew, so that an executor that gave an instance up for want of
 * memory loads it. NOT_FOUND for an unknown variant or an executor that has not joined, FAILED_PRECONDITION when it lacks the
 * variant's device, ABORTED when this was planned by records up to `readRevision` (0 = by none) and a variant, or the placement of an
 * executor, changed after it.
 */
export async function setPlacement(
  writer: GuardedWriter,
  placements: readonly Placement[],
  { wanted, readRevision = 0n }: { readonly wanted: boolean; readonly readRevision?: bigint },
): Promise<bigint> {
  checkCount(new Set(placements.map(({ executor }) => executor)).size);
  for (const placement of placements) {
    checkName("executor", placement.executor);
    checkEntry({ ...placement, generation: 0n });
  }
  const leaders = placements.find(({ reason }) => reason !== "operator");
  const { revision } = await writer.write((view) => {
    const compares = leaders === undefined ? [] : [nobodyLeads(view, `a placement for "${leaders.reason}"`)];
    const asked = { wanted, readRevision, variants: lookup(view) };
    const executors = [...new Set(placements.map(({ executor }) => executor))];
    const writes = executors.flatMap((executor) =>
      changed(view, { executor, placements: placements.filter((p) => p.executor === executor) }, asked),
    );
    return { writes, compares, result: null };
  });
  return revision;
}

function checkCount(executors: number): void {
  if (executors <= PLANNED_AT_ONCE_MAX) return;
  const both = `placements of ${executors} executors exceed the ${PLANNED_AT_ONCE_MAX} that are written at once`;
  throw new ServiceError(Code.INVALID_ARGUMENT, both);
}

type Lookup = (variant: string) => Variant | undefined;

/** Finds variants by name; the index is made when it is first needed. */
function lookup(view: RecordView): Lookup {
  let index: ReadonlyMap<string, Variant> | null = null;
  return (name) => {
    index ??= new Map(view.of("variant").map((variant) => [variant.name, variant]));
    return index.get(name);
  };
}

function planned(
  view: RecordView,
  placement: ExecutorPlacement,
  { variants, readRevision }: { readonly variants: Lookup; readonly readRevision: bigint },
): StoreWrite[] {
  const { executor } = placement;
  checkPlacementRead(view, executor, readRevision);
  const before = placementOf(view, executor);
  const held = new Map(before?.variants.map((entry) => [entry.variant, entry]));
  for (const entry of placement.variants) {
    if (held.get(entry.variant)?.generation === entry.generation) continue;
    const variant = required(variants, entry.variant);
    checkVariantRead(view, variant, readRevision);
    checkHost(view, executor, variant);
  }
  if (placement.variants.length === 0 && executorMember(view, executor) === null)
    return before === null ? [] : [{ kind: "delete", key: executorPlacementKey(executor) }];
  const same =
    before !== null && equals(ExecutorPlacementSchema, { ...before, term: placement.term }, placement);
  return same ? [] : [putPlacement(placement)];
}

interface Asked {
  readonly wanted: boolean;
  readonly readRevision: bigint;
  readonly variants: Lookup;
}

function changed(
  view: RecordView,
  { executor, placements }: { readonly executor: string; readonly placements: readonly Placement[] },
  { wanted, readRevision, variants }: Asked,
): StoreWrite[] {
  const before = placementOf(view, executor);
  const names = new Set(placements.map(({ variant }) => variant));
  const others = before?.variants.filter(({ variant }) => !names.has(variant)) ?? [];
  // What is wanted no longer may be of a variant or an executor that is gone by now.
  if (!wanted && others.length === (before?.variants.length ?? 0)) return [];
  if (readRevision > 0n) checkPlacementRead(view, executor, readRevision);
  const entries = wanted ? placements.map((p) => newEntry(view, p, { readRevision, variants })) : [];
  const term = before?.term ?? 0n;
  return [
    putPlacement(create(ExecutorPlacementSchema, { executor, variants: [...others, ...entries], term })),
  ];
}

function newEntry(
  view: RecordView,
  { executor, variant: name, reason, plan, priority }: Placement,
  { readRevision, variants }: Pick<Asked, "readRevision" | "variants">,
): PlacedVariant {
  const variant = required(variants, name);
  if (readRevision > 0n) checkVariantRead(view, variant, readRevision);
  checkHost(view, executor, variant);
  // Of a revision that is yet to come: no earlier entry can have it.
  const generation = view.revision + 1n;
  return create(PlacedVariantSchema, { variant: name, reason, plan, priority, generation });
}

function required(variants: Lookup, name: string): Variant {
  const variant = variants(name);
  if (variant === undefined) throw new ServiceError(Code.NOT_FOUND, `variant "${name}" is not registered`);
  return variant;
}
