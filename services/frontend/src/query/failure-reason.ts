import { Code, type ServiceError } from "@infaas/runtime";

/** Why a request was not answered, by the words of Triton's metric `nv_inference_request_failure`. */
export const failureReasons = ["REJECTED", "CANCELED", "BACKEND", "OTHER"] as const;

/** REJECTED: by queue, share or objective. BACKEND: an executor failed or was away. */
export type FailureReason = (typeof failureReasons)[number];

const REASONS: ReadonlyMap<Code, FailureReason> = new Map([
  [Code.RESOURCE_EXHAUSTED, "REJECTED"],
  [Code.DEADLINE_EXCEEDED, "REJECTED"],
  [Code.FAILED_PRECONDITION, "REJECTED"],
  [Code.CANCELLED, "CANCELED"],
  [Code.INTERNAL, "BACKEND"],
  [Code.UNKNOWN, "BACKEND"],
  [Code.UNAVAILABLE, "BACKEND"],
  [Code.DATA_LOSS, "BACKEND"],
]);

/** Returns the reason of a failure; OTHER is a wrong request. */
export function failureReason({ code }: Pick<ServiceError, "code">): FailureReason {
  return REASONS.get(code) ?? "OTHER";
}
