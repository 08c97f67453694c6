import type { ProfileModelRequest, ProfileModelResponse } from "@infaas/api";
import { Code, deferred, ServiceError } from "@infaas/runtime";

/** Registrations that may wait while one runs. */
export const PROFILES_WAITING_MAX = 16;

/** Profiles one model at a time: two at once would disturb each other's measurement. */
export class ProfileQueue {
  private last: Promise<void> = Promise.resolve();
  private waiting = 0;

  constructor(
    private readonly profile: (
      request: ProfileModelRequest,
      signal: AbortSignal,
    ) => AsyncIterable<ProfileModelResponse>,
  ) {}

  /**
   * Yields the events of one registration, in its turn.
   * @throws ServiceError RESOURCE_EXHAUSTED when `PROFILES_WAITING_MAX` wait, CANCELLED when aborted while
   * waiting.
   */
  async *run(request: ProfileModelRequest, signal: AbortSignal): AsyncIterable<ProfileModelResponse> {
    if (this.waiting >= PROFILES_WAITING_MAX) {
      const message = `${this.waiting} registrations wait, allowed are ${PROFILES_WAITING_MAX}`;
      throw new ServiceError(Code.RESOURCE_EXHAUSTED, message);
    }
    const before = this.last;
    const { promise, resolve } = deferred();
    this.last = promise;
    this.waiting += 1;
    try {
      await before;
      if (signal.aborted) throw new ServiceError(Code.CANCELLED, "cancelled by the caller while waiting");
      yield* this.profile(request, signal);
    } finally {
      this.waiting -= 1;
      before.then(resolve, resolve);
    }
  }
}
