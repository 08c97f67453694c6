/**
 * Why the batcher refused or failed a request. FULL: the queue has no room. DEADLINE: it cannot be in time. CANCELLED: its
 * signal was aborted. CLOSED: the batcher is closing. INVALID: the request or the model does not fit, or an operator of the
 * model refuses its values or shapes. ENGINE: the engine failed while loading or running.
 */
export type NativeErrorCode = "FULL" | "DEADLINE" | "CANCELLED" | "CLOSED" | "INVALID" | "ENGINE";

/**
 * The one error of this package; `message` is a lower-case sentence with what came and what was allowed. It carries no stack:
 * refusals are ordinary answers, and under overload collecting stacks would cost more than the work refused.
 */
export class NativeError extends Error {
  override readonly name = "NativeError";

  constructor(
    readonly code: NativeErrorCode,
    message: string,
  ) {
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    super(message);
    Error.stackTraceLimit = limit;
  }
}
