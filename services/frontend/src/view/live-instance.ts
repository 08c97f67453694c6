import type { InstanceFigures, LinkLoad } from "@infaas/api";
import {
  bestBatch,
  type DeviceKind,
  type Executor,
  type FairPace,
  FairQueue,
  FRESH_STATE,
  fairWindowRows,
  type Instance,
  type InstanceState,
  nextState,
  type StateTrack,
  type Variant,
} from "@infaas/policy";

/** Weight of the newest hop in the moving average. */
const HOP_WEIGHT = 0.1;
/** Hop assumed before the first measurement. */
const HOP_FIRST_MS = 0.5;
/** How long the least hop is remembered, at least. */
const HOP_LEAST_KEPT_MS = 60_000;
/** Weight of the newest query in the moving average of rows. */
const ROWS_WEIGHT = 0.05;
/** Mean deviations above the mean that few hops exceed, as in TCP's retransmission timer (RFC 6298). */
const HOP_DEVIATIONS = 4;

/** A ready instance with its load figures. Reports and queries update it in place, O(1) each. */
export class LiveInstance implements Instance {
  hopMs = HOP_FIRST_MS;
  /** Queries of this frontend sent and not yet answered. */
  inFlight = 0;
  /** Items answered per second, over the executor's last export period. */
  servedPerSecond = 0;
  readonly variant: string;
  drainMs = 0;
  reportedAtMs = 0;
  /** Order of queries where several tenants share the instance. */
  readonly fair: FairQueue;
  private readonly rowMs: number;
  private rowsInFlight = 0;
  private readonly pace: Omit<FairPace, "hopMs">;
  private hopDeviationMs = 0;
  private hopIsNew = false;
  /** Least hop of the minute under way, and of the one before. */
  private hopsLeastMs = { now: Number.POSITIVE_INFINITY, before: Number.POSITIVE_INFINITY, sinceMs: 0 };
  private track: StateTrack = FRESH_STATE;
  private served: { readonly total: number; readonly refused: number; readonly atMs: number } | null = null;
  /** Moving average of the rows of a query. */
  private meanRows = 1;
  /** Tightest objective of the queries sent in the window under way, and in the one before; Infinity: none had one. */
  private objectives = { nowMs: Number.POSITIVE_INFINITY, beforeMs: Number.POSITIVE_INFINITY };

  /**
   * `endpoint` names where its links lead, as `ClusterView.endpoints` does. `isRationed`: its host is stopped again and again by
   * a quota of CPU time. Engines see batches that ran between two stops, so what they predict is too short; no queue is
   * answered faster than at saturation throughput, which was measured under the quota.
   */
  constructor(
    readonly profiled: Variant,
    readonly executor: string,
    readonly endpoint: string,
    readonly memoryBytes: number,
    private readonly isRationed = false,
  ) {
    this.variant = profiled.name;
    const perSecond = profiled.profile.saturationPerSecond;
    this.rowMs = perSecond > 0 ? 1000 / perSecond : profiled.profile.fit.betaMs;
    const { concurrency, maxBatch, profile } = profiled;
    this.pace = {
      engines: concurrency,
      bestBatch: Math.min(maxBatch, bestBatch(profile)),
      rowMs: this.rowMs,
    };
    this.fair = new FairQueue(this.windowRows(), this.rowMs);
  }

  get state(): InstanceState {
    return this.track.state;
  }

  /** Least hop of the last one to two minutes: what a hop takes when nothing is in its way. */
  get hopLeastMs(): number {
    const { now, before } = this.hopsLeastMs;
    return Math.min(this.hopMs, now, before);
  }

  /** When the executor exported its figures last; null: it has not. */
  get exportedAtMs(): number | null {
    return this.served?.atMs ?? null;
  }

  /** Counts a query that is sent: its rows, at saturation throughput, lengthen the queue. `latencyMs`: its objective, if it has one. */
  sent(rows: number, nowMs: number, latencyMs: number | null = null): void {
    this.inFlight++;
    this.meanRows += (rows - this.meanRows) * ROWS_WEIGHT;
    if (latencyMs !== null && latencyMs < this.objectives.nowMs) this.objectives.nowMs = latencyMs;
    this.rowsInFlight += rows;
    this.drainMs = Math.max(0, this.drainMs - (nowMs - this.reportedAtMs)) + rows * this.rowMs;
    this.reportedAtMs = nowMs;
  }

  /** Counts a query of so many rows that has ended, however it did. */
  settled(rows: number): void {
    this.inFlight--;
    this.rowsInFlight -= rows;
  }

  /** Takes over the executor's own figure, which lacks only queries still on the wire. */
  reported(drainMs: number, nowMs: number): void {
    this.drainMs = this.isRationed ? Math.max(drainMs, this.rowsInFlight * this.rowMs) : drainMs;
    this.reportedAtMs = nowMs;
  }

  /** Takes over one export window; while queries of this frontend are in flight, reports in answers are newer. */
  exported(
    { servedTotal, refusedTotal, drainMs, latencyP95Ms, batchSize }: InstanceFigures,
    nowMs: number,
  ): void {
    if (drainMs !== null && this.inFlight === 0) this.reported(drainMs, nowMs);
    this.forgetHop(nowMs);
    if (servedTotal === null) return;
    const before = this.served;
    this.served = { total: servedTotal, refused: refusedTotal ?? 0, atMs: nowMs };
    if (before === null || nowMs <= before.atMs) return;
    const rows = Math.max(0, servedTotal - before.total);
    const refusedRows = Math.max(0, (refusedTotal ?? 0) - before.refused) * this.meanRows;
    const seconds = (nowMs - before.atMs) / 1000;
    const batch = Math.max(1, batchSize ?? 1);
    this.servedPerSecond = rows / seconds;
    const window = {
      offeredPerSecond: (rows + refusedRows) / seconds,
      overdueMs: this.takeOverdueMs(nowMs),
      instances: 1,
      p95Ms: rows > 0 ? latencyP95Ms : null,
      batch,
      batches: rows / batch,
    };
    this.track = nextState(this.track, window, this.profiled.profile);
  }

  /** How much longer the queue takes now than the tightest objective of this window and the one before; begins a new one. */
  private takeOverdueMs(nowMs: number): number {
    const { nowMs: tightest, beforeMs } = this.objectives;
    this.objectives = { nowMs: Number.POSITIVE_INFINITY, beforeMs: tightest };
    return this.drainMs - (nowMs - this.reportedAtMs) - Math.min(tightest, beforeMs);
  }

  /** Counts a measured hop: round trip less the executor's own time. */
  hopMeasured(hopMs: number): void {
    const off = Math.max(0, hopMs) - this.hopMs;
    this.hopMs += off * HOP_WEIGHT;
    this.hopDeviationMs += (Math.abs(off) - this.hopDeviationMs) * HOP_WEIGHT;
    this.hopIsNew = true;
    this.hopsLeastMs.now = Math.min(this.hopsLeastMs.now, Math.max(0, hopMs));
    this.fair.resize(this.windowRows());
  }

  /** Halves a long hop with each window without a measurement: an instance that gets no queries is never measured again. */
  private forgetHop(nowMs: number): void {
    const { now, sinceMs } = this.hopsLeastMs;
    if (nowMs - sinceMs >= HOP_LEAST_KEPT_MS)
      this.hopsLeastMs = { now: Number.POSITIVE_INFINITY, before: now, sinceMs: nowMs };
    if (!this.hopIsNew && this.hopMs > HOP_FIRST_MS) {
      this.hopMs += (HOP_FIRST_MS - this.hopMs) / 2;
      this.hopDeviationMs /= 2;
    }
    this.hopIsNew = false;
  }

  private windowRows(): number {
    const { engines, bestBatch: batch, rowMs } = this.pace;
    const hopMs = this.hopMs + HOP_DEVIATIONS * this.hopDeviationMs;
    return fairWindowRows({ engines, bestBatch: batch, rowMs, hopMs });
  }
}

/** Facts of an executor that stay the same while it lives. */
export interface ExecutorFacts {
  readonly name: string;
  readonly address: string;
  /** Empty when it has no native links. */
  readonly linkAddress: string;
  readonly incarnation: string;
  readonly hostType: string;
  readonly deviceKinds: readonly DeviceKind[];
  readonly cores: number;
  /** CPU time that its host gives, in cores; a fraction of one is possible. */
  readonly cpuCores: number;
  readonly memoryBytes: number;
  readonly pricePerHourUsd: number;
}

/** A process that serves links: an executor's own, or one of its engine processes. */
export interface Endpoint {
  /** Unique within the cluster. */
  readonly name: string;
  readonly executor: string;
  /** host:port of its links inside gRPC. */
  readonly address: string;
  /** host:port of its native links; empty when it has none. */
  readonly linkAddress: string;
  /** Distinguishes two lives of the same name. */
  readonly incarnation: string;
  /** host:port of the executor, which tells how the process ended; null: it is the executor's own. */
  readonly parentAddress: string | null;
}

/** An executor with its load figures, which are updated in place. */
export class LiveExecutor implements Executor {
  readonly name: string;
  readonly hostType: string;
  readonly deviceKinds: readonly DeviceKind[];
  readonly cores: number;
  readonly memoryBytes: number;
  readonly pricePerHourUsd: number;
  utilisation = 0;
  memoryFreeBytes: number;
  memoryEvictableBytes = 0;
  /** Of all its processes together, as last told; 0 before. */
  memoryResidentBytes = 0;
  /** Queries of all frontends that it holds, as last told; null: not told yet. */
  inFlight: { readonly queries: number; readonly toldMs: number } | null = null;
  /** Whether its member record accepts work. */
  memberAccepting = true;
  /** The executor announced that it drains. */
  draining = false;
  /** A link to one of its processes is up. */
  reachable = false;
  /** When this frontend heard of it first. */
  readonly joinedMs: number;

  /** `isOld` tells of a moment whether figures of then say nothing any more. Default: they never grow old. */
  constructor(
    readonly facts: ExecutorFacts,
    /** When it told its figures last; of a new one, when it joined. */
    public toldMs = 0,
    private readonly isOld: (toldMs: number) => boolean = () => false,
  ) {
    this.joinedMs = toldMs;
    this.name = facts.name;
    this.hostType = facts.hostType;
    this.deviceKinds = facts.deviceKinds;
    this.cores = facts.cores;
    this.memoryBytes = facts.memoryBytes;
    this.memoryFreeBytes = facts.memoryBytes;
    this.pricePerHourUsd = facts.pricePerHourUsd;
  }

  /** It takes no new work, by its record or by its own word. */
  get isLeaving(): boolean {
    return !this.memberAccepting || this.draining;
  }

  get accepting(): boolean {
    return this.memberAccepting && !this.draining && this.reachable;
  }

  get isUnheard(): boolean {
    return this.isOld(this.toldMs);
  }

  reported(load: Pick<LinkLoad, "executorUtilisation" | "memoryFreeBytes">, nowMs: number): void {
    this.toldMs = nowMs;
    this.utilisation = load.executorUtilisation;
    this.memoryFreeBytes = load.memoryFreeBytes;
  }
}
