import { type Clock, ServiceError } from "@infaas/runtime";

/** How long a file that ended its profiling process is refused. */
export const REFUSAL_KEPT_MS = 3_600_000;
/** Files that are remembered; the one refused first is forgotten first. */
export const REFUSALS_MAX = 256;

interface Refusal {
  readonly reason: ServiceError;
  readonly untilMs: number;
}

/**
 * Model files that crashed, hung or exhausted memory here: repeated registrations of them start no process.
 */
export class ProfileRefusals {
  private readonly byDigest = new Map<string, Refusal>();

  constructor(private readonly clock: Clock) {}

  /** Remembers why a file was refused. */
  remember(digest: string, reason: ServiceError): void {
    this.byDigest.delete(digest);
    this.byDigest.set(digest, { reason, untilMs: this.clock.nowMs() + REFUSAL_KEPT_MS });
    const [first] = this.byDigest.keys();
    if (this.byDigest.size > REFUSALS_MAX && first !== undefined) this.byDigest.delete(first);
  }

  /** Throws the remembered refusal of a file, with its code; returns when there is none. */
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
