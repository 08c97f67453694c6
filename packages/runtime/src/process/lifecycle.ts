import { type Clock, sleep, systemClock } from "../time/clock";
import { createLogger, type Logger } from "./logger";
import { surviveLostOutput } from "./lost-output";

/** Longest time to close one part, milliseconds; then the next is closed. */
export const STOP_STEP_MAX_MS = 5_000;

interface Step {
  readonly name: string;
  readonly stop: () => void | Promise<void>;
}

/** A process from open to closed: what was opened last is closed first, each with a bounded wait. */
export class Lifecycle {
  private readonly steps: Step[] = [];
  private readonly controller = new AbortController();
  private readonly clock: Clock;
  private readonly logger: Logger;
  private stopping: Promise<void> | null = null;

  constructor(o: { clock?: Clock; logger?: Logger } = {}) {
    this.clock = o.clock ?? systemClock;
    this.logger = o.logger ?? createLogger({ service: "lifecycle", level: "warn" });
  }

  /** Aborts when stopping begins: loops and waits watch it. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Registers how to close what was just opened. Registered while stopping, it is closed at once. */
  onStop(name: string, stop: () => void | Promise<void>): void {
    if (this.stopping === null) this.steps.push({ name, stop });
    else this.stopping = this.stopping.then(() => this.close({ name, stop }));
  }

  /** Closes everything; a second call waits for the first. Never rejects: a step that fails is logged. */
  stop(): Promise<void> {
    if (this.stopping === null) {
      this.controller.abort();
      this.stopping = this.closeAll();
    }
    return this.stopping;
  }

  /** Stops on SIGINT and SIGTERM, then exits with 0; a second signal exits at once with 1. */
  stopOnSignals(): void {
    let seen = false;
    const onSignal = (): void => {
      if (seen) process.exit(1);
      seen = true;
      void this.stop().then(() => process.exit(0));
    };
    process.on("SIGINT", onSignal);
    process.on("SIGTERM", onSignal);
  }

  private async closeAll(): Promise<void> {
    for (let step = this.steps.pop(); step !== undefined; step = this.steps.pop()) await this.close(step);
  }

  private async close(step: Step): Promise<void> {
    const done = new AbortController();
    const closing = Promise.resolve()
      .then(step.stop)
      .then(() => "closed" as const)
      .catch((error: unknown) => {
        this.logger.warn("a part failed to close", { part: step.name, error });
        return "failed" as const;
      });
    const late = sleep(this.clock, STOP_STEP_MAX_MS, done.signal).then(() => "late" as const);
    if ((await Promise.race([closing, late])) === "late") {
      this.logger.warn("a part did not close in time", { part: step.name, waitedMs: STOP_STEP_MAX_MS });
    }
    done.abort();
  }
}

/**
 * Runs a process: signals stop it in order; what `main` throws is logged, what was opened is closed, exit
 * status 1.
 */
export function runMain(main: (lifecycle: Lifecycle) => Promise<void>): void {
  surviveLostOutput();
  const lifecycle = new Lifecycle();
  lifecycle.stopOnSignals();
  main(lifecycle).catch(async (error: unknown) => {
    createLogger({ service: "main" }).error(error instanceof Error ? error.message : String(error), {
      error,
    });
    await lifecycle.stop();
    process.exit(1);
  });
}
