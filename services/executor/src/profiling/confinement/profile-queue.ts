import type { ProfileModelRequest, ProfileModelResponse } from "@infaas/api";
import { Code, deferred, ServiceError } from "@infaas/runtime";

/** Registrations that may wait for the one that runs. */
export const PROFILES_WAITING_MAX = 16;

/** Profiles one model at a time: two at once would measure each other. */
export class ProfileQueue {
  private last: Promise<void> = Promise.resolve();
  private waiting = 0;

  constructor(
    private readonly profile: (
      request: ProfileModelRequest,
      signal: AbortSignal,
    ) => AsyncIterable<ProfileModelResponse>,
  ) {}

  /** Yields the steps of one registration, after those that came before; RESOURCE_EXHAUSTED when too many wait. */
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
