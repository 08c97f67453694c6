import { type ColdPhase, coldPhases, type LoadPhases, type LoadTimes } from "@infaas/policy";
import type { ClusterView } from "../view/cluster-view";

/** Load that a query waits for. */
interface Waited {
  readonly variant: string;
  readonly executor: string;
  readonly sinceMs: number;
  /** What was known of such loads at that time. */
  readonly known: LoadTimes | null;
}

/** Times of one query that waits for loads. Of several, one after another, the last counts; what was before it is `decide`. */
export class ColdClock {
  private waited: Waited | null = null;
  private readyMs = 0;
  private load: LoadPhases | null = null;

  constructor(private readonly view: ClusterView) {}

  began(variant: string, executor: string, nowMs: number): void {
    const hostType = this.view.executors.get(executor)?.hostType ?? "";
    this.waited = { variant, executor, sinceMs: nowMs, known: this.view.loads.times(variant, hostType) };
    this.load = null;
    this.readyMs = nowMs;
  }

  /** The wait is over, however it ended. */
  ended(nowMs: number): void {
    if (this.waited === null) return;
    const { variant, executor } = this.waited;
    this.readyMs = nowMs;
    this.load = this.view.status(variant, executor)?.loadPhases ?? null;
  }

  /** Returns the phases of the query, which add up to the time from its arrival to its answer. */
  phases(arrivedMs: number, answeredMs: number, expectedRunMs: number): readonly ColdPhase[] {
    const { waited, readyMs, load } = this;
    if (waited === null) return [];
    const { sinceMs, known } = waited;
    return coldPhases({
      decideMs: sinceMs - arrivedMs,
      waitedMs: readyMs - sinceMs,
      firstRunMs: answeredMs - readyMs,
      load,
      known,
      expectedRunMs,
    });
  }
}
