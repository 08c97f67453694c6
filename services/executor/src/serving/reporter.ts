import type { Clock } from "@infaas/runtime";
import type { ServedInstance } from "./served-instance";

/** The load that every answer and refusal carries. */
export interface LoadReport {
  readonly drainMs: number;
  readonly executorUtilisation: number;
  readonly memoryFreeBytes: number;
  readonly instanceQueuedRows: number;
}

/**
 * How long a report is repeated. The answers of one batch are sent together, and predicting the drain time of
 * a long queue takes longer than the rest of an answer's frame.
 */
const REPEAT_WITHIN_MS = 1;

export class Reporter {
  private readonly latest = new WeakMap<
    ServedInstance,
    { readonly atMs: number; readonly report: LoadReport }
  >();

  constructor(
    private readonly host: { readonly memoryFreeBytes: number },
    private readonly utilisation: { value(): number },
    private readonly clock: Clock,
  ) {}

  /**
   * Returns the load of the host and of one instance's queue, at most 1 ms old; without an instance the queue
   * is empty.
   */
  load(instance: ServedInstance | undefined): LoadReport {
    if (instance === undefined) return this.make(null);
    const nowMs = this.clock.nowMs();
    const latest = this.latest.get(instance);
    if (latest !== undefined && nowMs - latest.atMs < REPEAT_WITHIN_MS) return latest.report;
    const report = this.make(instance.readyEngine);
    this.latest.set(instance, { atMs: nowMs, report });
    return report;
  }

  private make(engine: ServedInstance["readyEngine"]): LoadReport {
    return {
      drainMs: engine?.drainTimeMs() ?? 0,
      executorUtilisation: this.utilisation.value(),
      memoryFreeBytes: this.host.memoryFreeBytes,
      instanceQueuedRows: engine?.queuedRows ?? 0,
    };
  }
}
