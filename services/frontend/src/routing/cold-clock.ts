import { type ColdPhase, coldPhases, type LoadPhases, type LoadTimes } from "@infaas/policy";
import type { ClusterView } from "../view/cluster-view";

/** Load that a query waits for. */
interface Waited {
  readonly variant: string;
  readonly executor: string;
  readonly sinceMs: number;
  /** The executor was not there: what its host's start was expected to take, null where none was seen. undefined: it was. */
  readonly hostStart: number | null | undefined;
  /** What was known of such loads at that time. */
  readonly known: LoadTimes | null;
}

/** Times of one query that waits for loads. Of several, one after another, the last counts; what was before it is `decide`. */
export class ColdClock {
  private waited: Waited | null = null;
  private readyMs = 0;
  private hostMs = 0;
  private load: LoadPhases | null = null;

  constructor(private readonly view: ClusterView) {}

  began(variant: string, executor: string, nowMs: number): void {
    const { executors, hostProvider, loads, starts } = this.view;
    const there = executors.get(executor);
    const known = loads.times(variant, (there ?? hostProvider?.pool)?.hostType ?? "");
    const hostStart = there === undefined ? (starts.time?.p50Ms ?? null) : undefined;
    this.waited = { variant, executor, sinceMs: nowMs, hostStart, known };
    this.hostMs = 0;
    this.load = null;
    this.readyMs = nowMs;
  }

  /** The wait is over, however it ended. */
  ended(nowMs: number): void {
    if (this.waited === null) return;
    const { variant, executor, sinceMs, hostStart } = this.waited;
    const joinedMs = this.view.executors.get(executor)?.joinedMs ?? sinceMs;
    if (hostStart !== undefined) this.hostMs = Math.min(Math.max(0, joinedMs - sinceMs), nowMs - sinceMs);
    this.readyMs = nowMs;
    this.load = this.view.status(variant, executor)?.loadPhases ?? null;
  }

  /** Returns the phases of the query, which add up to the time from its arrival to its answer. */
  phases(arrivedMs: number, answeredMs: number, expectedRunMs: number): readonly ColdPhase[] {
    const { waited, readyMs, hostMs, load } = this;
    if (waited === null) return [];
    const { sinceMs, known, hostStart } = waited;
    return coldPhases({
      decideMs: sinceMs - arrivedMs,
      waitedMs: readyMs - sinceMs,
      hostMs,
      expectedHostMs: hostStart ?? null,
      firstRunMs: answeredMs - readyMs,
      load,
      known,
      expectedRunMs,
    });
  }
}
