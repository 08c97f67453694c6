import type { ChildProcess } from "node:child_process";
import { type Clock, Code, every, ServiceError, type Timer } from "@infaas/runtime";
import type { ProcessLimits } from "./process-limits";
import { residentBytes } from "./resident-memory";

/** Period of memory checks: a process that grows by 2 GB a second exceeds its limit by 100 MB at most. */
const MEMORY_PERIOD_MS = 50;

/** Monitors one child process and kills it when it exceeds a limit. */
export class ProcessMonitor {
  private killedFor: ServiceError | null = null;
  private current = "starting";
  private stageTimer: Timer;
  private readonly totalTimer: Timer;
  private readonly memoryTimer: Timer;

  constructor(
    private readonly child: ChildProcess,
    private readonly limits: ProcessLimits,
    private readonly clock: Clock,
  ) {
    this.stageTimer = this.startStage();
    const { totalMsMax } = limits;
    this.totalTimer = clock.setTimer(totalMsMax, () => this.tooSlow("in all", totalMsMax));
    this.memoryTimer = every(
      clock,
      MEMORY_PERIOD_MS,
      () => this.weigh(),
      () => undefined,
    );
  }

  /** Why the process was killed; null while it was not. */
  get verdict(): ServiceError | null {
    return this.killedFor;
  }

  /** Stage of the process, as a phrase that follows "while". */
  get stage(): string {
    return this.current;
  }

  /** Begins a stage; its time limit starts anew. */
  enter(stage: string): void {
    this.current = stage;
    this.stageTimer.cancel();
    this.stageTimer = this.startStage();
  }

  /** Kills the process; the first reason is kept. */
  kill(reason: ServiceError): void {
    this.killedFor ??= reason;
    this.child.kill("SIGKILL");
  }

  /** Ends monitoring; the process is not touched. */
  dismiss(): void {
    for (const timer of [this.stageTimer, this.totalTimer, this.memoryTimer]) timer.cancel();
  }

  private startStage(): Timer {
    const { stageMsMax } = this.limits;
    return this.clock.setTimer(stageMsMax, () => this.tooSlow(`while ${this.current}`, stageMsMax));
  }

  private tooSlow(when: string, allowedMs: number): void {
    const message = `the model took more than the ${allowedMs} ms allowed ${when}`;
    this.kill(new ServiceError(Code.DEADLINE_EXCEEDED, message));
  }

  private async weigh(): Promise<void> {
    const { pid } = this.child;
    const bytes = pid === undefined ? null : await residentBytes(pid);
    const allowed = this.limits.memoryBytesMax;
    if (bytes === null || bytes <= allowed) return;
    const used = `the model used ${gigabytes(bytes)} while ${this.current}, allowed are ${gigabytes(allowed)}`;
    const message = `${used} (the executor's --profile-memory-bytes-max)`;
    this.kill(new ServiceError(Code.RESOURCE_EXHAUSTED, message));
  }
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}
