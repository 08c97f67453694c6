import { InstancePhase } from "@infaas/api";
import type { ClusterView } from "./cluster-view";

/** A load that a frontend needs. */
export interface NeededLoad {
  readonly variant: string;
  /** Where it would be loaded; the leader may choose another executor. */
  readonly executor: string;
  readonly reason: "query" | "registration";
  /** Executors whose instance of the variant does not do. */
  readonly except: readonly string[];
}

/** Whether an executor that is no exception should hold the variant, and has not found that it lacks the memory for it. */
export function isAnswered(
  view: Pick<ClusterView, "placedOn" | "executors" | "status">,
  { variant, except }: Pick<NeededLoad, "variant" | "except">,
): boolean {
  return view.placedOn(variant).some(({ executor, generation }) => {
    if (except.includes(executor) || view.executors.get(executor)?.accepting !== true) return false;
    const status = view.status(variant, executor);
    const lacksMemory = status?.phase === InstancePhase.FAILED && status.lacksMemory;
    return !lacksMemory || status.generation < generation;
  });
}
