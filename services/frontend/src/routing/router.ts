import type { Explanation } from "@infaas/api";
import { type FairEntry, LANE_COUNT } from "@infaas/policy";
import {
  type Clock,
  Code,
  every,
  type Logger,
  ServiceError,
  type SpanContext,
  type Timer,
} from "@infaas/runtime";
import type { ExecutorPool } from "../links/executor-pool";
import type { ExecutorLink, LinkAnswer, LinkCaller, LinkRefusal } from "../links/grpc-link";
import type { Body } from "../query/body";
import type { QueryReceipt } from "../query/receipts";
import { lateRefusal, refusedByExecutor, unfairRefusal } from "../query/refusals";
import type { Requirements } from "../query/requirements";
import type { CatalogModel } from "../view/catalog";
import type { ClusterView } from "../view/cluster-view";
import type { LiveInstance } from "../view/live-instance";
import type { ColdStarts, ColdWait } from "./cold-starts";
import { queueRules } from "./queue-rules";
import type { Chosen, Decision, Selector } from "./selector";

/** One query on its way. */
export interface RoutedQuery {
  readonly model: CatalogModel;
  readonly requirements: Requirements;
  readonly rows: number;
  /** On whose account it goes. */
  readonly tenant: string;
  /** The original ModelInferRequest. */
  readonly body: Body;
  /** Monotonic time of arrival at this frontend. */
  readonly arrivedMs: number;
  readonly trace: SpanContext | null;
  readonly caller: QueryCaller;
}

/** Who waits for a query. One of the two is called, once, unless it was cancelled. */
export interface QueryCaller {
  answered(body: Body, receipt: QueryReceipt, explanation: Explanation | null): void;
  refused(error: ServiceError): void;
}

/** What the router needs. */
export interface RouterOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly view: ClusterView;
  readonly pool: ExecutorPool;
  readonly selector: Selector;
  readonly coldStarts: ColdStarts;
  /** A query without deadline is given up after this long. */
  readonly queryMaxMs: number;
}

/** A lost query is sent once more, to another executor. */
const RETRIES_MAX = 1;
/** A query that got a load placed for it may need another one when that was evicted meanwhile; no more than this. */
const COLD_WAITS_MAX = 3;
/** How long after its objective a query is still waited for: the executor sheds what is late, this is for one that hangs. */
const LATE_GRACE_MS = 1_000;
/** Period in which overdue queries are looked for. */
const SWEEP_PERIOD_MS = 250;

/** Sends each query to the instance that the selector chooses: one decision, at most one retry elsewhere, no waiting but for loads. */
export class Router {
  private readonly flights = new Set<Flight>();
  private sweeper: Timer | null = null;

  constructor(private readonly o: RouterOptions) {}

  start(): void {
    const onError = (error: unknown) => this.o.logger.error("sweep failed", { error: String(error) });
    this.sweeper = every(this.o.clock, SWEEP_PERIOD_MS, () => this.sweep(), onError);
  }

  /** Refuses what is still on its way. */
  stop(): void {
    this.sweeper?.cancel();
    for (const flight of this.flights)
      flight.giveUp(new ServiceError(Code.UNAVAILABLE, "frontend is stopping"));
  }

  get inFlight(): number {
    return this.flights.size;
  }

  /** Queries on their way now by the name of the model that was asked for. O(queries in flight). */
  pendingByModel(): ReadonlyMap<string, number> {
    const pending = new Map<string, number>();
    for (const { modelName } of this.flights) pending.set(modelName, (pending.get(modelName) ?? 0) + 1);
    return pending;
  }

  /** Starts a query; what is returned cancels it. */
  route(query: RoutedQuery): Flight {
    const flight = new Flight(this.o, query, (done) => this.flights.delete(done));
    this.flights.add(flight);
    flight.start();
    return flight;
  }

  private sweep(): void {
    const nowMs = this.o.clock.nowMs();
    for (const flight of this.flights) if (flight.isOverdue(nowMs)) flight.giveUp(flight.lateError());
  }
}

/** One query from decision to answer. */
export class Flight implements LinkCaller, FairEntry {
  readonly tenant: string;
  readonly rows: number;
  waitMaxMs = Number.POSITIVE_INFINITY;
  account: FairEntry["account"] = null;
  before: FairEntry | null = null;
  behind: FairEntry | null = null;
  startTag = 0;
  spare = false;
  state: FairEntry["state"] = "idle";
  private link: ExecutorLink | null = null;
  private linkId = 0;
  private instance: LiveInstance | null = null;
  private chosen: Chosen | null = null;
  private waiting: ColdWait | null = null;
  private retries = 0;
  /** Where it was lost, and how: a retry goes elsewhere, and fails with this when there is nowhere else. */
  private excludedExecutor: string | null = null;
  private lossFault: ServiceError | null = null;
  private coldWaits = 0;
  private decidedMs = 0;
  private sentMs = 0;
  private done = false;
  private readonly overdueMs: number;

  constructor(
    private readonly o: RouterOptions,
    private readonly query: RoutedQuery,
    private readonly onDone: (flight: Flight) => void,
  ) {
    const { arrivedMs, requirements, tenant, rows } = query;
    this.tenant = tenant;
    this.rows = rows;
    const { latencyMs } = requirements.slo;
    this.overdueMs = arrivedMs + (latencyMs === null ? o.queryMaxMs : latencyMs + LATE_GRACE_MS);
  }

  get modelName(): string {
    return this.query.model.name;
  }

  start(): void {
    this.decide();
  }

  /** The caller is gone: nothing is called back, the executor is told. False when the query had ended before. */
  cancel(): boolean {
    if (this.done) return false;
    this.withdraw();
    this.finish();
    return true;
  }

  /** Ends the query with `error`. */
  giveUp(error: ServiceError): void {
    if (this.done) return;
    this.withdraw();
    this.refuse(error);
  }

  isOverdue(nowMs: number): boolean {
    return nowMs >= this.overdueMs;
  }

  lateError(): ServiceError {
    return lateRefusal(this.o.clock.nowMs() - this.query.arrivedMs, this.query.requirements.slo.latencyMs);
  }

  answered(frame: LinkAnswer): void {
    const { instance, chosen } = this;
    if (this.done || instance === null || chosen === null) return;
    const nowMs = this.o.clock.nowMs();
    const networkMs = Math.max(0, nowMs - this.sentMs - frame.executorMs);
    this.o.view.report(instance, frame.load, nowMs);
    instance.hopMeasured(networkMs);
    this.leaveInstance();
    const { query } = this;
    const receipt: QueryReceipt = {
      variant: instance.profiled,
      executor: instance.executor,
      rows: query.rows,
      batchSize: frame.batchSize,
      selectMs: this.decidedMs - query.arrivedMs,
      networkMs,
      queueMs: frame.queueMs,
      gatherMs: frame.gatherMs,
      computeMs: frame.runMs,
      scatterMs: frame.scatterMs,
      executorMs: frame.executorMs,
      totalMs: nowMs - query.arrivedMs,
      costUsd: chosen.costUsd,
      downgraded: chosen.downgraded,
      cold: this.coldWaits > 0,
      minAccuracy: query.requirements.slo.minAccuracy,
    };
    this.finish();
    query.caller.answered(frame.body, receipt, chosen.explanation);
  }

  refused(frame: LinkRefusal): void {
    const { instance } = this;
    if (this.done || instance === null) return;
    this.o.view.report(instance, frame.load, this.o.clock.nowMs());
    this.leaveInstance();
    const error = refusedByExecutor(frame);
    if (frame.code === Code.UNAVAILABLE && this.retryElsewhere(instance.executor, error)) return;
    this.refuse(error);
  }

  lost(fault: ServiceError): void {
    const { instance } = this;
    if (this.done || instance === null) return;
    this.leaveInstance();
    if (!this.retryElsewhere(instance.executor, fault)) this.refuse(fault);
  }

  private retryElsewhere(executor: string, fault: ServiceError): boolean {
    if (this.retries >= RETRIES_MAX) return false;
    this.retries++;
    const nowMs = this.o.clock.nowMs();
    if (this.remainingMs(nowMs) <= 0) return false;
    this.excludedExecutor = executor;
    this.lossFault = fault;
    this.decide();
    return true;
  }

  private decide(): void {
    const { query, o } = this;
    const nowMs = o.clock.nowMs();
    const leftMs = this.remainingMs(nowMs);
    // The first decision takes the objective as stated, so that a refusal names what was asked for; later ones what is left.
    const remainingMs = this.decidedMs === 0 ? (query.requirements.slo.latencyMs ?? leftMs) : leftMs;
    const decision = o.selector.decide({
      model: query.model,
      rows: query.rows,
      slo: query.requirements.slo,
      deadlineBinds: query.requirements.deadlineBinds,
      remainingMs,
      explain: query.requirements.explain,
      nowMs,
      excludedExecutor: this.excludedExecutor,
    });
    this.decidedMs = o.clock.nowMs();
    if (leftMs <= 0 && (remainingMs <= 0 || decision.kind !== "refuse")) this.refuse(this.lateError());
    else this.follow(decision);
  }

  private follow(decision: Decision): void {
    if (decision.kind === "refuse") this.refuse(this.lossFault ?? decision.error);
    else if (decision.kind === "send") this.enter(decision);
    else this.waitFor(decision.variant, decision.executor);
  }

  private waitFor(variant: string, executor: string): void {
    if (this.coldWaits >= COLD_WAITS_MAX) {
      const message = `${variant} was unloaded while waiting for it ${this.coldWaits} times, at most ${COLD_WAITS_MAX} are waited for`;
      this.refuse(new ServiceError(Code.UNAVAILABLE, message));
      return;
    }
    this.coldWaits++;
    const waitMaxMs = this.remainingMs(this.o.clock.nowMs());
    this.waiting = this.o.coldStarts.wait(variant, executor, waitMaxMs, (fault) => {
      this.waiting = null;
      if (this.done) return;
      if (fault === null) this.decide();
      else this.refuse(fault);
    });
  }

  /** Sends at once, or waits until the other tenants of the instance have had their share. */
  private enter(chosen: Chosen): void {
    const { fair } = chosen.instance;
    this.chosen = chosen;
    this.waitMaxMs = this.remainingMs(this.decidedMs) - chosen.batchLatencyMs;
    const verdict = fair.admit(this, this.decidedMs);
    if (verdict.kind === "send") this.send(chosen);
    else if (verdict.kind === "refuse") this.refuse(unfairRefusal(verdict, this.query));
  }

  /** Its turn has come at the instance that was chosen for it. */
  turn(): void {
    const { chosen } = this;
    if (chosen === null) return;
    this.decidedMs = this.o.clock.nowMs();
    if (this.remainingMs(this.decidedMs) > 0) this.send(chosen);
    else this.giveUp(this.lateError());
  }

  private send(chosen: Chosen): void {
    const { query, o } = this;
    const { instance } = chosen;
    const link = o.pool.linkFor(instance.executor, query.body.byteLength, this.tenant);
    if (link === null) {
      this.leaveLine();
      this.unsendable(instance.executor);
      return;
    }
    const override = o.view.catalog.overrides.get(instance.variant);
    const { lane, timeoutMs: queueTimeoutMs } = queueRules(override, query.requirements);
    const nowMs = this.decidedMs;
    // Tenants over their share take turns: the executor would let those with the earlier deadlines go first.
    const timeoutMs = Math.min(
      this.spare ? Number.POSITIVE_INFINITY : this.remainingMs(nowMs),
      queueTimeoutMs === null ? Number.POSITIVE_INFINITY : queueTimeoutMs + chosen.batchLatencyMs,
    );
    this.instance = instance;
    instance.sent(query.rows, nowMs);
    this.link = link;
    link.shares.take(this.tenant);
    this.sentMs = nowMs;
    this.linkId = link.send(
      {
        timeoutMs: Number.isFinite(timeoutMs) ? timeoutMs : 0,
        lane: this.spare ? LANE_COUNT - 1 : lane,
        trace: query.trace,
        variant: instance.variant,
        body: query.body,
      },
      this,
    );
  }

  /** Its links are full, or it was lost while the query waited for its turn there. */
  private unsendable(executor: string): void {
    const { pool } = this.o;
    if (pool.reaches(executor)) {
      const message = `links to executor ${executor} are full: ${pool.room(executor, this.tenant)}; try again later`;
      this.refuse(new ServiceError(Code.RESOURCE_EXHAUSTED, message));
      return;
    }
    const fault = new ServiceError(Code.UNAVAILABLE, `executor ${executor} is out of reach`);
    if (!this.retryElsewhere(executor, fault)) this.refuse(fault);
  }

  private remainingMs(nowMs: number): number {
    const { latencyMs } = this.query.requirements.slo;
    return latencyMs === null ? Number.POSITIVE_INFINITY : this.query.arrivedMs + latencyMs - nowMs;
  }

  private withdraw(): void {
    this.waiting?.cancel();
    this.waiting = null;
    this.link?.cancel(this.linkId);
    if (this.instance !== null) this.leaveInstance();
    else this.leaveLine();
  }

  private leaveInstance(): void {
    this.instance?.settled();
    this.instance = null;
    this.link?.shares.give(this.tenant);
    this.link = null;
    this.leaveLine();
  }

  /** Gives up its place in front of the instance, or at it, and lets those go whose turn that makes it. */
  private leaveLine(): void {
    const fair = this.chosen?.instance.fair;
    if (fair === undefined) return;
    fair.withdraw(this);
    fair.settled(this);
    fair.takeTurns(takeTurn);
  }

  private refuse(error: ServiceError): void {
    this.finish();
    this.query.caller.refused(error);
  }

  private finish(): void {
    this.done = true;
    this.onDone(this);
  }
}

/** Every entry in a frontend's lines is a flight. */
function takeTurn(entry: FairEntry): void {
  (entry as Flight).turn();
}
