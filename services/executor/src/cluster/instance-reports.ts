import { type ClusterService, InstancePhase } from "@infaas/api";
import { RECORD_CALL_TIMEOUT_MS } from "@infaas/cluster";
import {
  Backoff,
  type ClientOf,
  type Clock,
  type Logger,
  type Random,
  ServiceError,
  sleep,
} from "@infaas/runtime";
import type { InstanceLine } from "../instances/executor";

/** An engine process as the cluster is told of it. */
export interface ProcessLine {
  readonly name: string;
  /** host:port of its links inside gRPC. */
  readonly address: string;
  /** host:port of its native links; empty = none. */
  readonly linkAddress: string;
  readonly incarnation: string;
  readonly residentBytes: number;
}

export interface InstanceReportsOptions {
  readonly cluster: Pick<ClientOf<typeof ClusterService>, "reportInstances">;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Name of this executor. */
  readonly executor: string;
  /** Returns all instances as they are now. */
  readonly lines: () => readonly InstanceLine[];
  /** Returns the engine processes that serve links; none: this process does. */
  readonly processes: () => readonly ProcessLine[];
  /** Returns the lease to report under; null while there is none. */
  readonly leaseId: () => string | null;
  /** Ends the reports. */
  readonly signal: AbortSignal;
}

/** Pauses before a report that was not taken is sent again. */
const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 2_000;

const phaseOnWire = {
  loading: InstancePhase.LOADING,
  probing: InstancePhase.PROBING,
  ready: InstancePhase.READY,
  draining: InstancePhase.DRAINING,
  failed: InstancePhase.FAILED,
} as const;

/** Reports of this executor's instances to metadata, one at a time: each is of all instances. */
export class InstanceReports {
  private sending: Promise<void> | null = null;
  private due = false;

  constructor(private readonly o: InstanceReportsOptions) {}

  /** Asks for a report; many changes at once make one. Without a lease it waits for the call that follows the next join. */
  report(): void {
    this.due = true;
    this.sending ??= this.send().finally(() => {
      this.sending = null;
    });
  }

  /** Resolves when no report is on its way. */
  async settled(): Promise<void> {
    await this.sending;
  }

  private async send(): Promise<void> {
    const { clock, random: jitter, logger, signal } = this.o;
    const backoff = new Backoff({ firstMs: RETRY_FIRST_MS, maxMs: RETRY_MAX_MS, jitter });
    for (let leaseId = this.o.leaseId(); leaseId !== null && this.due; leaseId = this.o.leaseId()) {
      if (signal.aborted) return;
      this.due = false;
      try {
        await this.o.cluster.reportInstances(
          { leaseId, report: this.current() },
          { timeoutMs: RECORD_CALL_TIMEOUT_MS, signal },
        );
        backoff.succeeded();
      } catch (fault) {
        this.due = true;
        if (signal.aborted) return;
        logger.warn("report not taken", { reason: ServiceError.from(fault).message });
        await sleep(clock, backoff.failed(), signal);
      }
    }
  }

  private current() {
    const { executor } = this.o;
    const instances = this.o.lines().map((line) => ({
      variant: line.variant,
      executor,
      phase: phaseOnWire[line.phase],
      reason: line.reason,
      memoryBytes: BigInt(Math.round(line.memoryBytes)),
      inFlight: line.inFlight,
      drainMs: line.drainMs,
      loadMs: line.loadMs,
      ...(line.load === undefined ? {} : { loadPhases: line.load }),
      process: line.process,
      lacksMemory: line.lacksMemory,
      generation: line.generation,
      ...(line.loadOverride === undefined ? {} : { loadOverride: line.loadOverride }),
    }));
    const processes = this.o.processes().map(({ residentBytes, ...line }) => ({
      ...line,
      residentBytes: BigInt(Math.round(residentBytes)),
    }));
    return { executor, instances, processes };
  }
}
