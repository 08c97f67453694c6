import type { Adapter } from "@infaas/api";
import type { Clock } from "@infaas/runtime";
import { Code, ServiceError } from "@infaas/runtime";
import {
  type Engine,
  type EngineAnswer,
  type EngineOptions,
  type EngineQuery,
  NO_CORE_WAITS,
  NO_RECHECKS,
} from "../engines/engine-port";
import type { ServedInstance } from "../serving/served-instance";

/** An opened engine in the process that runs it, as links see it. */
export class HostedEngine implements ServedInstance {
  private accepted = 0;
  private usedMs: number | null = null;

  readonly variant: string;
  readonly adapter?: Adapter;

  constructor(
    { owner, adapter }: Pick<EngineOptions, "owner" | "adapter">,
    readonly readyEngine: Engine,
    private readonly clock: Clock,
  ) {
    this.variant = owner?.variant ?? "";
    if (adapter !== undefined) this.adapter = adapter;
  }

  submit(inputs: readonly Uint8Array[], query: EngineQuery): Promise<EngineAnswer> {
    this.accepted += 1;
    this.usedMs = this.clock.nowMs();
    const answer = this.readyEngine.submit(inputs, query);
    const settle = () => {
      this.accepted -= 1;
    };
    answer.then(settle, settle);
    return answer;
  }

  unavailable(): ServiceError {
    return new ServiceError(Code.UNAVAILABLE, `instance of ${this.variant} is draining, not ready`);
  }

  /** Load of its queue. */
  figures() {
    const { queuedRows, runningRows, unbatchedReason, unresponsiveMs = 0, direct } = this.readyEngine;
    const { rechecks = NO_RECHECKS, coreWaits = NO_CORE_WAITS } = this.readyEngine;
    const idleMs = this.usedMs === null ? Number.POSITIVE_INFINITY : this.clock.nowMs() - this.usedMs;
    return {
      queuedRows,
      runningRows,
      unbatchedReason,
      rechecks,
      coreWaits,
      unresponsiveMs,
      drainMs: this.readyEngine.drainTimeMs(),
      inFlight: this.accepted + (direct?.inFlight ?? 0),
      idleMs: Math.min(idleMs, direct?.idleMs ?? Number.POSITIVE_INFINITY),
    };
  }
}
