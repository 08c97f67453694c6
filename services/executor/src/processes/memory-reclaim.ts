import type { Clock, Logger } from "@infaas/runtime";
import type { Engine } from "../engines/engine-port";
import { ReclaimPolicy } from "./reclaim-policy";

export interface MemoryReclaimPorts {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Returns the resident memory of this process, bytes. */
  readonly residentBytes: () => number;
  /** Returns to the system what this process has freed. */
  readonly trimHeap: () => Promise<void>;
}

/**
 * Gives back what large queries left in this process: first what engines keep for later runs, then what the
 * allocator keeps.
 */
export class MemoryReclaim {
  private readonly policy = new ReclaimPolicy();
  private running = false;

  constructor(private readonly ports: MemoryReclaimPorts) {}

  /** An engine was closed. */
  freed(): void {
    this.policy.freed();
  }

  /** `idleMs`: time since there was something to do. */
  async look(engines: readonly Engine[], idleMs: number): Promise<void> {
    const { clock, logger, residentBytes, trimHeap } = this.ports;
    if (this.running) return;
    const beforeBytes = residentBytes();
    if (!this.policy.look({ nowMs: clock.nowMs(), idleMs, residentBytes: beforeBytes })) return;
    this.running = true;
    try {
      await Promise.all(engines.map((engine) => engine.trim?.()));
      await trimHeap();
    } finally {
      this.running = false;
      const afterBytes = residentBytes();
      this.policy.reclaimed({ nowMs: clock.nowMs(), residentBytes: afterBytes });
      logger.debug("memory given back", { beforeBytes, afterBytes });
    }
  }
}
