import { create } from "@bufbuild/protobuf";
import {
  type ExecutorPlacement,
  ExecutorPlacementSchema,
  PlacedVariantSchema,
  type Placement,
} from "@infaas/api";
import { placementOf, putPlacement } from "../records/executor-placements";
import type { GuardedWriter } from "../records/guarded-writer";
import type { RecordView } from "../records/record-view";
import type { StoreWrite } from "../store/store";

/** Old records that one transaction replaces: one of etcd takes 128 writes. */
const REPLACED_AT_ONCE_MAX = 50;

/**
 * Replaces the placements of earlier versions, a record for each variant and executor, by one record for each executor. What a crash
 * leaves over is replaced by the next start; several processes may do it at once.
 */
export async function migratePlacements(writer: GuardedWriter): Promise<void> {
  let left = 1;
  while (left > 0) left = (await writer.write(planStep)).result;
}

function planStep(view: RecordView) {
  const old: { readonly key: string; readonly placement: Placement }[] = [];
  for (const { record } of view.all()) {
    if (record.value.case === "placement") old.push({ key: record.key, placement: record.value.value });
  }
  const step = old.slice(0, REPLACED_AT_ONCE_MAX);
  const byExecutor = new Map<string, Placement[]>();
  for (const { placement } of step)
    byExecutor.set(placement.executor, [...(byExecutor.get(placement.executor) ?? []), placement]);
  const writes: StoreWrite[] = step.map(({ key }) => ({ kind: "delete", key }));
  for (const [executor, placements] of byExecutor)
    writes.push(putPlacement(merged(placementOf(view, executor), executor, placements)));
  return { writes, result: old.length - step.length };
}

/** What is there already in the new form is newer. */
function merged(
  before: ExecutorPlacement | null,
  executor: string,
  placements: readonly Placement[],
): ExecutorPlacement {
  const known = new Set(before?.variants.map((entry) => entry.variant));
  const added = placements
    .filter(({ variant }) => !known.has(variant))
    .map(({ variant, reason }) => create(PlacedVariantSchema, { variant, reason, generation: 1n }));
  const variants = [...(before?.variants ?? []), ...added];
  return create(ExecutorPlacementSchema, { executor, variants, term: before?.term ?? 0n });
}
