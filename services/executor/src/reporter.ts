import type { Executor } from "./executor";
import type { Instance } from "./instance";
import type { Utilisation } from "./utilisation";

/** What every answer and refusal says about load, so that the frontend's picture is as old as the last answer. */
export interface LoadReport {
  readonly drainMs: number;
  readonly executorUtilisation: number;
  readonly memoryFreeBytes: number;
  readonly instanceQueuedRows: number;
}

/** Makes load reports. */
export class Reporter {
  constructor(
    private readonly executor: Executor,
    private readonly utilisation: Utilisation,
  ) {}

  /** The load now, with the queue of one instance; without one the queue counts as empty. */
  load(instance: Instance | undefined): LoadReport {
    const engine = instance?.readyEngine ?? null;
    return {
      drainMs: engine?.drainTimeMs() ?? 0,
      executorUtilisation: this.utilisation.value(),
      memoryFreeBytes: this.executor.memoryFreeBytes,
      instanceQueuedRows: engine?.queuedRows ?? 0,
    };
  }
}
