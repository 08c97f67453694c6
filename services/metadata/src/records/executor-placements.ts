import { create } from "@bufbuild/protobuf";
import { type ExecutorPlacement, ExecutorPlacementSchema } from "@infaas/api";
import type { StoreWrite } from "../store/store";
import { executorPlacementKey } from "./keys";
import type { RecordView } from "./record-view";
import { encodeRecord } from "./records";

/** All that an executor should hold, as recorded; null: there is no record. */
export function placementOf(view: RecordView, executor: string): ExecutorPlacement | null {
  const value = view.at(executorPlacementKey(executor))?.record.value;
  return value?.case === "executorPlacement" ? value.value : null;
}

/** The write of one executor's placement, its variants sorted by name. */
export function putPlacement({ executor, variants, term }: ExecutorPlacement): StoreWrite {
  const sorted = [...variants].sort((a, b) => (a.variant < b.variant ? -1 : 1));
  const value = create(ExecutorPlacementSchema, { executor, variants: sorted, term });
  const key = executorPlacementKey(executor);
  return { kind: "put", key, value: encodeRecord("executorPlacement", value), leaseId: null };
}

/** Writes after which no executor should hold these variants: one for each that should now. */
export function placementsWithout(view: RecordView, variants: ReadonlySet<string>): readonly StoreWrite[] {
  if (variants.size === 0) return [];
  return view.of("executorPlacement").flatMap((placement) => {
    const kept = placement.variants.filter(({ variant }) => !variants.has(variant));
    return kept.length === placement.variants.length ? [] : [putPlacement({ ...placement, variants: kept })];
  });
}
