import { type ClusterService, DeviceKind, InstancePhase, MemberKind, type WatchResponse } from "@infaas/api";
import { type ClientOf, type Clock, Code, type Logger, ServiceError, sleep } from "@infaas/runtime";
import type { InstanceLine } from "../instances/executor";

/** What this executor says of itself. */
export interface MemberDescription {
  readonly name: string;
  readonly address: string;
  /** host:port of the native links; empty = none. */
  readonly linkAddress: string;
  readonly hostType: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly pricePerHourUsd: number;
  readonly incarnation: string;
}

/** What membership is made of. */
export interface MembershipOptions {
  readonly cluster: ClientOf<typeof ClusterService>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly member: MemberDescription;
  /** How long metadata waits for a sign of life. */
  readonly leaseTtlMs: number;
  /** Whether new work is taken: an operator's wish outlives a lost lease. */
  readonly accepting: () => boolean;
  /** All instances as they are now. */
  readonly lines: () => readonly InstanceLine[];
  /** Told of every message of the watch. */
  readonly onWatch: (message: WatchResponse) => void;
  /** Revision of the last message taken in, after which to go on watching; 0 for a snapshot. */
  readonly seenRevision: () => bigint;
  /** The watch broke off. */
  readonly onWatchLost: () => void;
}

/** First pause before metadata is tried again; doubles up to `BACKOFF_MAX_MS`. */
const BACKOFF_FIRST_MS = 100;
/** Longest pause between attempts to reach metadata. */
const BACKOFF_MAX_MS = 2_000;
/** Signs of life per lease. */
const KEEP_ALIVES_PER_LEASE = 3;
/** Leaving is a courtesy: the lease runs out anyway. */
const LEAVE_TIMEOUT_MS = 500;
/** A call that is not answered within this time counts as failed. */
const CALL_TIMEOUT_MS = 3_000;

const phaseOnWire = {
  loading: InstancePhase.LOADING,
  probing: InstancePhase.PROBING,
  ready: InstancePhase.READY,
  draining: InstancePhase.DRAINING,
  failed: InstancePhase.FAILED,
} as const;

/**
 * This executor's place in the cluster: joins under a lease, keeps it alive, joins again when it was lost,
 * watches the records and reports the instances. When metadata is away everything else goes on, and this
 * tries until it is back.
 */
export class MembershipClient {
  private readonly ending = new AbortController();
  private leaseId: string | null = null;
  private lives: readonly Promise<void>[] = [];
  private reporting: Promise<void> | null = null;
  private reportAgain = false;

  constructor(private readonly options: MembershipOptions) {}

  /** Whether a lease is held now. */
  get joined(): boolean {
    return this.leaseId !== null;
  }

  /** Starts joining and watching in the background. */
  start(): void {
    this.lives = [this.persist("join", () => this.liveOnLease()), this.persist("watch", () => this.watch())];
  }

  /**
   * Tells metadata of all instances; many changes at once make one report. Lost reports are repeated on the
   * next join.
   */
  report(): void {
    this.reportAgain = true;
    this.reporting ??= this.sendReports().finally(() => {
      this.reporting = null;
    });
  }

  /** Leaves the cluster, so that no one has to wait for the lease to run out. */
  async stop(): Promise<void> {
    this.ending.abort();
    await Promise.all(this.lives);
    await this.reporting;
    const leaseId = this.leaseId;
    this.leaseId = null;
    if (leaseId === null) return;
    await this.options.cluster.leave({ leaseId }, { timeoutMs: LEAVE_TIMEOUT_MS }).catch((fault) => {
      this.options.logger.warn("could not leave; the lease will run out", {
        reason: ServiceError.from(fault).message,
      });
    });
  }

  /**
   * Runs `life` again and again with growing pauses; a life that succeeded for a while starts over with a
   * short one.
   */
  private async persist(what: string, life: () => Promise<void>): Promise<void> {
    const { clock, logger } = this.options;
    let pauseMs = BACKOFF_FIRST_MS;
    while (!this.ending.signal.aborted) {
      const startMs = clock.nowMs();
      try {
        await life();
      } catch (fault) {
        if (this.ending.signal.aborted) return;
        logger.warn(`metadata ${what} interrupted`, {
          reason: ServiceError.from(fault).message,
          retryInMs: pauseMs,
        });
      }
      if (clock.nowMs() - startMs > BACKOFF_MAX_MS) pauseMs = BACKOFF_FIRST_MS;
      await sleep(clock, pauseMs, this.ending.signal);
      pauseMs = Math.min(BACKOFF_MAX_MS, pauseMs * 2);
    }
  }

  private async liveOnLease(): Promise<void> {
    const { cluster, clock, leaseTtlMs, logger } = this.options;
    const { signal } = this.ending;
    const joined = await cluster.join({ member: this.record(), ttlMs: leaseTtlMs }, this.call());
    this.leaseId = joined.leaseId;
    logger.info("joined the cluster", { leaseId: joined.leaseId });
    this.report();
    let heardMs = clock.nowMs();
    while (!signal.aborted) {
      await sleep(clock, joined.ttlMs / KEEP_ALIVES_PER_LEASE, signal);
      if (signal.aborted) return;
      try {
        await cluster.keepAlive({ leaseId: joined.leaseId }, this.call());
        heardMs = clock.nowMs();
      } catch (fault) {
        const error = ServiceError.from(fault);
        if (error.code !== Code.NOT_FOUND && clock.nowMs() - heardMs < joined.ttlMs) continue;
        if (!signal.aborted) this.leaseId = null;
        throw error;
      }
    }
  }

  private async watch(): Promise<void> {
    const { cluster, seenRevision, onWatch, onWatchLost } = this.options;
    const seen = seenRevision();
    const fromRevision = seen === 0n ? 0n : seen + 1n;
    try {
      for await (const message of cluster.watch({ fromRevision }, { signal: this.ending.signal }))
        onWatch(message);
    } finally {
      onWatchLost();
    }
  }

  private async sendReports(): Promise<void> {
    while (this.reportAgain && this.leaseId !== null && !this.ending.signal.aborted) {
      this.reportAgain = false;
      try {
        await this.options.cluster.reportInstances(
          { leaseId: this.leaseId, report: this.instances() },
          this.call(),
        );
      } catch (fault) {
        this.options.logger.warn("report not taken", { reason: ServiceError.from(fault).message });
        this.reportAgain = true;
        await sleep(this.options.clock, BACKOFF_MAX_MS, this.ending.signal);
      }
    }
  }

  private instances() {
    const executor = this.options.member.name;
    const instances = this.options.lines().map((line) => ({
      variant: line.variant,
      executor,
      phase: phaseOnWire[line.phase],
      reason: line.reason,
      memoryBytes: BigInt(Math.round(line.memoryBytes)),
      inFlight: line.inFlight,
      drainMs: line.drainMs,
      loadMs: line.loadMs,
      ...(line.loadOverride === undefined ? {} : { loadOverride: line.loadOverride }),
    }));
    return { executor, instances };
  }

  private record() {
    const { member } = this.options;
    return {
      name: member.name,
      kind: MemberKind.EXECUTOR,
      address: member.address,
      linkAddress: member.linkAddress,
      hostType: member.hostType,
      cores: member.cores,
      memoryBytes: BigInt(member.memoryBytes),
      pricePerHourUsd: member.pricePerHourUsd,
      deviceKinds: [DeviceKind.CPU],
      accepting: this.options.accepting(),
      incarnation: member.incarnation,
    };
  }

  private call() {
    return { timeoutMs: CALL_TIMEOUT_MS, signal: this.ending.signal };
  }
}
