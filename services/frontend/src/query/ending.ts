import { Code, type ServiceError } from "@infaas/runtime";

/** Why a query was refused, in metrics by task. */
export const taskRefusals = ["full", "late", "infeasible", "unavailable", "invalid", "failed"] as const;

/** `invalid`: the request itself is wrong, or names or asks what there is not. */
export type TaskRefusal = (typeof taskRefusals)[number];

/** How a query ended that was not answered: `given_up` by its caller, or refused. */
export type Unanswered = TaskRefusal | "given_up";

const byCode: ReadonlyMap<Code, Unanswered> = new Map([
  [Code.CANCELLED, "given_up"],
  [Code.RESOURCE_EXHAUSTED, "full"],
  [Code.DEADLINE_EXCEEDED, "late"],
  [Code.FAILED_PRECONDITION, "infeasible"],
  [Code.UNAVAILABLE, "unavailable"],
  [Code.INTERNAL, "failed"],
  [Code.UNKNOWN, "failed"],
  [Code.DATA_LOSS, "failed"],
  [Code.ABORTED, "failed"],
]);

/** Returns how a query ended that was not answered. */
export function unansweredBy({ code }: Pick<ServiceError, "code">): Unanswered {
  return byCode.get(code) ?? "invalid";
}
