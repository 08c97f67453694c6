import type { LoadPhases, LoadTimes } from "./load-ledger";

/** One part of the time of a query that waited for a load. */
export interface ColdPhase {
  /**
   * `decide`: until a load was decided on; `host`: until a host was there, where none was; `records`: the decision on its way to the executor, and its word back that the
   * instance is ready; `fetch`, `process`, `open`, `probe`: the load, as far as the query waited for it; `first-run`: from
   * then to the answer.
   */
  readonly phase: "decide" | "host" | "records" | "fetch" | "process" | "open" | "probe" | "first-run";
  readonly ms: number;
  /** What it was expected to take; null: nobody knew. */
  readonly expectedMs: number | null;
}

/** Times of a query that waited for a load, ms. */
export interface ColdTimes {
  /** From its arrival until the load was decided on. */
  readonly decideMs: number;
  /** From then until the frontend saw the instance ready. */
  readonly waitedMs: number;
  /** Part of that until a host was there; 0: there was one. */
  readonly hostMs: number;
  /** What that was expected to take; null: there was one. */
  readonly expectedHostMs: number | null;
  /** From then to the answer. */
  readonly firstRunMs: number;
  /** What the load took; null: its executor did not tell. */
  readonly load: LoadPhases | null;
  /** What was known of such loads when it was decided on. */
  readonly known: LoadTimes | null;
  /** Predicted time of the query itself. */
  readonly expectedRunMs: number;
}

/**
 * Returns the phases of the whole time of a query, in their order; they add up to it. A query that came when the load was
 * under way waited for its end only: phases are taken from the last one back, and those before it came are left out.
 */
export function coldPhases({
  decideMs,
  waitedMs,
  hostMs,
  expectedHostMs,
  firstRunMs,
  load,
  known,
  expectedRunMs,
}: ColdTimes): readonly ColdPhase[] {
  const phases: ColdPhase[] = [];
  let leftMs = waitedMs - hostMs;
  for (const phase of ["probe", "open", "process", "fetch"] as const) {
    const ms = Math.min(leftMs, load?.[`${phase}Ms`] ?? 0);
    leftMs -= ms;
    if (ms > 0) phases.unshift({ phase, ms, expectedMs: known?.phases[phase].p50Ms ?? null });
  }
  return [
    { phase: "decide", ms: decideMs, expectedMs: null },
    ...(hostMs > 0 ? [{ phase: "host" as const, ms: hostMs, expectedMs: expectedHostMs }] : []),
    { phase: "records", ms: leftMs, expectedMs: null },
    ...phases,
    { phase: "first-run", ms: firstRunMs, expectedMs: expectedRunMs },
  ];
}
