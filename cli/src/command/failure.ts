import { Code, diskFailure, ServiceError } from "@infaas/runtime";
import { pathFault } from "../files/named-file";

/** Exit status of a command that is written wrongly: nothing was sent, or the request itself is wrong. */
const USAGE = 2;
/** Exit status of a command that was refused: the system was asked and said no. */
const REFUSED = 1;
/** Exit status of a command that failed: no answer, a lost one, or a bug. */
const FAILED = 3;

const statuses: Readonly<Partial<Record<Code, number>>> = {
  [Code.INVALID_ARGUMENT]: USAGE,
  [Code.OUT_OF_RANGE]: USAGE,
  [Code.CANCELLED]: FAILED,
  [Code.UNKNOWN]: FAILED,
  [Code.DEADLINE_EXCEEDED]: FAILED,
  [Code.INTERNAL]: FAILED,
  [Code.UNAVAILABLE]: FAILED,
  [Code.DATA_LOSS]: FAILED,
};

/** Returns the exit status of a command that ended with this code: 1 refused, 2 written wrongly, 3 failed. */
export function exitStatusOf(code: Code): number {
  return statuses[code] ?? REFUSED;
}

/**
 * Returns what ended a command. INTERNAL is left for bugs: a path that the system does not open is INVALID_ARGUMENT, and a
 * disk that is full or broken says so.
 */
export function failureOf(error: unknown): ServiceError {
  const failure = ServiceError.from(error);
  if (failure.code !== Code.INTERNAL) return failure;
  const cause = (failure.cause ?? {}) as NodeJS.ErrnoException;
  const path = cause.path ?? "";
  const fault = path === "" ? null : pathFault(path, cause);
  if (fault === null)
    return diskFailure("the command", cause instanceof Error ? cause : failure, path || ".");
  return new ServiceError(Code.INVALID_ARGUMENT, `${path} cannot be used: ${fault}`, { cause });
}
