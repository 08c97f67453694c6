import { type Clock, ServiceError } from "@infaas/runtime";

/** How long a file that was the end of its process is not tried again. */
export const REFUSAL_KEPT_MS = 3_600_000;
/** Files that are remembered; beyond it the one refused first is forgotten. */
export const REFUSALS_MAX = 256;

interface Refusal {
  readonly reason: ServiceError;
  readonly untilMs: number;
}

/** Model files that crashed, hung or ate memory here, so that whoever asks again in a loop costs nothing. */
export class ProfileRefusals {
  private readonly byDigest = new Map<string, Refusal>();

  constructor(private readonly clock: Clock) {}

  /** Remembers why a file was refused, from now on. */
  remember(digest: string, reason: ServiceError): void {
    this.byDigest.delete(digest);
    this.byDigest.set(digest, { reason, untilMs: this.clock.nowMs() + REFUSAL_KEPT_MS });
    const [first] = this.byDigest.keys();
    if (this.byDigest.size > REFUSALS_MAX && first !== undefined) this.byDigest.delete(first);
  }

  /** Throws the refusal of earlier, with its code, unless it is forgotten. */
  check(digest: string): void {
    const refusal = this.byDigest.get(digest);
    const leftMs = (refusal?.untilMs ?? 0) - this.clock.nowMs();
    if (refusal === undefined || leftMs <= 0) return;
    const again = `this file is tried again in ${Math.ceil(leftMs / 1_000)} s, or at once when asked to retry`;
    throw new ServiceError(refusal.reason.code, `${refusal.reason.message}; ${again}`, {
      cause: refusal.reason,
    });
  }
}
