/** Whom the end of an engine process is put down to. Pure. */
import type { JournalRun } from "@infaas/cuda-batcher";

/** How a process ended that nobody had asked to. */
export interface ProcessEnd {
  readonly reason: string;
  /** Variants that ended it, or may have. */
  readonly suspects: readonly string[];
  /** The queries in their batches that were under way. */
  readonly queryIds: ReadonlySet<number>;
}

/** An engine, and the slots of the run journal that its threads have. */
export interface JournaledEngine {
  readonly variant: string;
  readonly firstSlot: number;
  readonly slots: number;
}

/** What is known of an end. */
export interface EndEvidence {
  readonly reason: string;
  /** What was under way. */
  readonly runs: readonly JournalRun[];
  readonly engines: readonly JournaledEngine[];
  /** Variants that were being opened. */
  readonly opening: readonly string[];
  /** The engine for which the executor ended the process; null: there is none. */
  readonly accused: JournaledEngine | null;
}

/**
 * Returns who ended a process: the variants whose runs raised the fatal signal; else the engine that it was ended for; else, because
 * nothing tells them apart, all that had a batch under way or were being opened.
 */
export function judgeEnd({ reason, runs, engines, opening, accused }: EndEvidence): ProcessEnd {
  const fatal = runs.filter((run) => run.fatal);
  if (fatal.length > 0) return endBy(fatal);
  if (accused !== null)
    return endBy(
      runs.filter((run) => isOf(run, accused)),
      [accused.variant],
    );
  return endBy(runs, opening);

  function endBy(guilty: readonly JournalRun[], named: readonly string[] = []): ProcessEnd {
    const running = engines.filter((engine) => guilty.some((run) => isOf(run, engine)));
    return {
      reason,
      suspects: [...new Set([...named, ...running.map(({ variant }) => variant)])],
      queryIds: new Set(guilty.flatMap(({ queryIds }) => queryIds)),
    };
  }
}

function isOf({ slot }: JournalRun, { firstSlot, slots }: JournaledEngine): boolean {
  return slot >= firstSlot && slot < firstSlot + slots;
}
