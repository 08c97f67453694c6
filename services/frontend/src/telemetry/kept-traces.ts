import type { Clock } from "@infaas/runtime";

/** Queries in a second that are traced for one reason although they were not sampled. */
const KEPT_PER_SECOND_MAX = 10;
const SECOND_MS = 1_000;

/** A budget of traces for each reason to keep one, anew with every second. */
export class KeptTraces<Reason extends string> {
  private readonly taken = new Map<Reason, number>();
  private sinceMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly clock: Pick<Clock, "nowMs">) {}

  /** Takes one for this reason; false: there are none left. */
  take(reason: Reason): boolean {
    const nowMs = this.clock.nowMs();
    if (nowMs - this.sinceMs >= SECOND_MS) {
      this.sinceMs = nowMs;
      this.taken.clear();
    }
    const taken = this.taken.get(reason) ?? 0;
    if (taken >= KEPT_PER_SECOND_MAX) return false;
    this.taken.set(reason, taken + 1);
    return true;
  }
}
