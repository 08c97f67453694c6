import { LANE_ALONE } from "@infaas/api";
import { type FairPlace, type FairQuery, LANE_COUNT } from "@infaas/policy";
import { type Clock, Code, ServiceError } from "@infaas/runtime";
import type { ExecutorLink, LinkAnswer, LinkListener, LinkRefusal } from "../links/executor-link";
import type { Links } from "../links/links";
import { adaptMs } from "../query/adapted";
import type { QueryReceipt } from "../query/receipts";
import { lateRefusal, refusedByExecutor, refusedElsewhere, unfairRefusal } from "../query/refusals";
import type { ClusterView } from "../view/cluster-view";
import type { LiveInstance } from "../view/live-instance";
import { ColdClock } from "./cold-clock";
import type { ColdStarts, ColdWait } from "./cold-starts";
import type { FirstAnswers } from "./first-answers";
import { type QueueRules, queueRules } from "./queue-rules";
import type { RoutedQuery } from "./routed-query";
import type { Chosen, Decision, Selector, SelectorQuestion } from "./selector";

/** What a query in flight needs. */
export interface FlightPorts {
  readonly clock: Clock;
  readonly view: ClusterView;
  readonly links: Links;
  readonly selector: Selector;
  readonly coldStarts: ColdStarts;
  readonly firstAnswers: FirstAnswers;
  /** A query without deadline is given up after this long. */
  readonly queryMaxMs: number;
}

/** A query that was lost, and may have been run, is sent once more, to another executor. */
const RETRIES_MAX = 1;
/** Executors that may turn a query away unrun, because they drain; then it fails. */
const TURNED_AWAY_MAX = 3;
/** Loads that one query waits for in turn: an instance may be evicted before the query gets to it. */
const COLD_WAITS_MAX = 3;
/** A query that an instance had no time for is given to a faster one, once. */
const STEPS_DOWN_MAX = 1;
/** How long after its objective a query is still waited for: the executor sheds what is late, this is for one that hangs. */
const LATE_GRACE_MS = 1_000;

/** State of a query in flight. */
type State =
  | { readonly kind: "deciding" }
  | { readonly kind: "loading"; readonly wait: ColdWait }
  /** Until its tenant's turn comes at the instance chosen. */
  | { readonly kind: "queued"; readonly chosen: Chosen; readonly place: FairPlace }
  | Sent
  | { readonly kind: "done" };

interface Sent {
  readonly kind: "sent";
  readonly chosen: Chosen;
  readonly place: FairPlace;
  readonly link: ExecutorLink;
  readonly linkId: number;
  readonly sentMs: number;
}

const NOWHERE: readonly string[] = [];
const WARM: QueryReceipt["coldPhases"] = [];
const DECIDING: State = { kind: "deciding" };
const DONE: State = { kind: "done" };

/** One query from decision to answer: one decision, at most one retry elsewhere, no waiting but for loads and turns. */
export class Flight implements LinkListener, FairQuery {
  readonly tenant: string;
  readonly rows: number;
  private state: State = DECIDING;
  private retries = 0;
  private turnedAway = 0;
  private stepsDown = 0;
  /** Executors that lost it or turned it away: it goes elsewhere. */
  private left: readonly string[] = NOWHERE;
  /** How it was lost or turned away last; it fails with this where nobody else is there. */
  private loss: ServiceError | null = null;
  private coldWaits = 0;
  private coldClock: ColdClock | null = null;
  private decidedMs = 0;
  private readonly overdueMs: number;

  constructor(
    private readonly ports: FlightPorts,
    private readonly query: RoutedQuery,
    private readonly onDone: (flight: Flight) => void,
  ) {
    const { arrivedMs, requirements, tenant, rows } = query;
    this.tenant = tenant;
    this.rows = rows;
    const { latencyMs } = requirements.slo;
    this.overdueMs = arrivedMs + (latencyMs === null ? ports.queryMaxMs : latencyMs + LATE_GRACE_MS);
  }

  get modelName(): string {
    return this.query.model.name;
  }

  start(): void {
    this.decide();
  }

  /** The caller is gone: nothing is called back, the executor is told. False when the query had ended before. */
  cancel(): boolean {
    if (this.state.kind === "done") return false;
    this.withdraw();
    this.finish();
    return true;
  }

  /** Ends the query with `error`. */
  giveUp(error: ServiceError): void {
    if (this.state.kind === "done") return;
    this.withdraw();
    this.refuse(error);
  }

  isOverdue(nowMs: number): boolean {
    return nowMs >= this.overdueMs;
  }

  lateError(): ServiceError {
    return lateRefusal(
      this.ports.clock.nowMs() - this.query.arrivedMs,
      this.query.requirements.slo.latencyMs,
    );
  }

  answered(frame: LinkAnswer): void {
    const { state, query } = this;
    if (state.kind !== "sent") return;
    const { instance, explanation } = state.chosen;
    const nowMs = this.ports.clock.nowMs();
    const networkMs = Math.max(0, nowMs - state.sentMs - frame.executorMs);
    this.ports.view.report(instance, frame.load, nowMs);
    instance.hopMeasured(networkMs);
    const receipt = this.receipt(state.chosen, frame, networkMs, nowMs);
    // Pictures and texts are no input of the model, which could be golden.
    if (instance.profiled.unprofiledReason !== undefined && receipt.adaptMs === 0) {
      const { body: answer, runMs } = frame;
      this.ports.firstAnswers.answered(instance.profiled, { request: query.body, answer, runMs });
    }
    this.leave(state);
    this.finish();
    query.listener.answered(frame.body, receipt, explanation);
  }

  refused(frame: LinkRefusal): void {
    const { state } = this;
    if (state.kind !== "sent") return;
    const { instance } = state.chosen;
    this.ports.view.report(instance, frame.load, this.ports.clock.nowMs());
    this.leave(state);
    const error = refusedByExecutor(frame);
    if (frame.code === Code.UNAVAILABLE) this.turnAway(instance.executor, error);
    else if (frame.code === Code.DEADLINE_EXCEEDED) this.stepDown(instance, error);
    else this.refuse(error);
  }

  lost(fault: ServiceError): void {
    const { state } = this;
    if (state.kind !== "sent") return;
    this.leave(state);
    const { executor, endpoint } = state.chosen.instance;
    // The executor of an engine process that ended loads its models again, and may answer.
    const excluded = endpoint === executor ? executor : null;
    if (fault.code !== Code.UNAVAILABLE || this.retries >= RETRIES_MAX) {
      this.refuse(fault);
      return;
    }
    this.retries++;
    this.goElsewhere(excluded, fault);
  }

  /** Its turn has come at the instance that was chosen for it. */
  turn(): void {
    const { state } = this;
    if (state.kind !== "queued") return;
    this.decidedMs = this.ports.clock.nowMs();
    if (this.remainingMs(this.decidedMs) > 0) this.send(state.chosen, state.place);
    else this.giveUp(this.lateError());
  }

  private receipt(
    { instance, costUsd, downgraded, batchLatencyMs }: Chosen,
    frame: LinkAnswer,
    networkMs: number,
    nowMs: number,
  ): QueryReceipt {
    const { arrivedMs, rows, requirements, sent } = this.query;
    return {
      variant: instance.profiled,
      executor: instance.executor,
      rows,
      batchSize: frame.batchSize,
      selectMs: this.decidedMs - arrivedMs,
      networkMs,
      adaptMs: adaptMs(sent, this.ports.view.catalog.adapted.get(instance.variant), frame),
      queueMs: frame.queueMs,
      gatherMs: frame.gatherMs,
      computeMs: frame.runMs,
      scatterMs: frame.scatterMs,
      executorMs: frame.executorMs,
      totalMs: nowMs - arrivedMs,
      costUsd,
      downgraded,
      cold: this.coldWaits > 0,
      coldPhases: this.coldClock?.phases(arrivedMs, nowMs, batchLatencyMs) ?? WARM,
      minAccuracy: requirements.slo.minAccuracy,
    };
  }

  /** An executor did not run it: it drains, has just unloaded the variant, or cannot be reached. */
  private turnAway(executor: string, fault: ServiceError): void {
    this.turnedAway++;
    if (this.turnedAway > TURNED_AWAY_MAX) this.refuse(fault);
    else this.goElsewhere(executor, fault);
  }

  private goElsewhere(executor: string | null, fault: ServiceError): void {
    this.loss = fault;
    if (executor !== null) this.left = [...this.left, executor];
    if (this.remainingMs(this.ports.clock.nowMs()) > 0) this.decide();
    else this.refuse(this.lateError());
  }

  /**
   * `late` did not run it, for it would have been too late: another that is ready answers it if that leaves it in time, as
   * accurate as it must be (decision 0057).
   */
  private stepDown(late: LiveInstance, fault: ServiceError): void {
    const nowMs = this.ports.clock.nowMs();
    const leftMs = this.remainingMs(nowMs);
    // Without an objective, or with a bound of the queue, it was the queue that let it go, as it was told to.
    const isObjective = Number.isFinite(leftMs) && this.queueRulesAt(late).timeoutMs === null;
    if (!isObjective || leftMs <= 0 || this.stepsDown >= STEPS_DOWN_MAX) {
      this.refuse(fault);
      return;
    }
    this.stepsDown++;
    const decision = this.ports.selector.decide({ ...this.question(nowMs, leftMs), late });
    this.decidedMs = this.ports.clock.nowMs();
    if (decision.kind === "send") this.enter(decision);
    else this.refuse(fault);
  }

  private decide(): void {
    this.state = DECIDING;
    const { query, ports } = this;
    const nowMs = ports.clock.nowMs();
    const leftMs = this.remainingMs(nowMs);
    // The first decision takes the objective as stated, so that a refusal names what was asked for; later ones what is left.
    const remainingMs = this.decidedMs === 0 ? (query.requirements.slo.latencyMs ?? leftMs) : leftMs;
    const decision = ports.selector.decide(this.question(nowMs, remainingMs));
    this.decidedMs = ports.clock.nowMs();
    if (leftMs <= 0 && (remainingMs <= 0 || decision.kind !== "refuse")) this.refuse(this.lateError());
    else this.follow(decision);
  }

  private question(nowMs: number, remainingMs: number): SelectorQuestion {
    const { model, sent, rows, requirements } = this.query;
    return {
      model,
      sent,
      rows,
      slo: requirements.slo,
      deadlineBinds: requirements.deadlineBinds,
      remainingMs,
      explain: requirements.explain,
      nowMs,
      excludedExecutors: this.left,
    };
  }

  private follow(decision: Decision): void {
    if (decision.kind === "refuse") this.refuse(refusedElsewhere(this.loss, decision.error));
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
    const { ports } = this;
    const nowMs = ports.clock.nowMs();
    const waitMaxMs = this.remainingMs(nowMs);
    this.coldClock ??= new ColdClock(ports.view);
    const { coldClock } = this;
    coldClock.began(variant, executor, nowMs);
    const wait = ports.coldStarts.wait(variant, executor, waitMaxMs, (fault) => {
      if (this.state.kind === "done") return;
      coldClock.ended(ports.clock.nowMs());
      const hasLeft =
        fault?.code === Code.UNAVAILABLE && ports.view.executors.get(executor)?.isLeaving !== false;
      if (fault === null || hasLeft) this.decide();
      else this.refuse(fault);
    });
    // Where too many wait already, it was refused before `wait` returned.
    if (this.state.kind === "deciding") this.state = { kind: "loading", wait };
  }

  /** Sends at once, or waits until the other tenants of the instance have had their share. */
  private enter(chosen: Chosen): void {
    const waitMaxMs = this.remainingMs(this.decidedMs) - chosen.batchLatencyMs;
    const place = chosen.instance.fair.admit(this, this.decidedMs, waitMaxMs);
    if (place.kind === "refuse") this.refuse(unfairRefusal(place, this.query));
    else if (place.kind === "sent") this.send(chosen, place);
    else this.state = { kind: "queued", chosen, place };
  }

  private send(chosen: Chosen, place: FairPlace): void {
    const { query, ports } = this;
    const { instance } = chosen;
    const link = ports.links.linkFor(instance.endpoint, query.body.byteLength, this.tenant);
    if (link === null) {
      this.leaveQueue(chosen, place);
      this.unsendable(instance);
      return;
    }
    const { lane, timeoutMs: queueTimeoutMs } = this.queueRulesAt(instance);
    const sentMs = this.decidedMs;
    // Tenants over their share take turns: the executor would let those with the earlier deadlines go first.
    const timeoutMs = Math.min(
      place.spare ? Number.POSITIVE_INFINITY : this.remainingMs(sentMs),
      queueTimeoutMs === null ? Number.POSITIVE_INFINITY : queueTimeoutMs + chosen.batchLatencyMs,
    );
    instance.sent(query.rows, sentMs, query.requirements.slo.latencyMs);
    link.shares.take(this.tenant);
    const linkId = link.send(
      {
        timeoutMs: Number.isFinite(timeoutMs) ? timeoutMs : 0,
        lane: (place.spare ? LANE_COUNT - 1 : lane) | (query.requirements.slo.deterministic ? LANE_ALONE : 0),
        trace: query.trace,
        variant: instance.variant,
        body: query.body,
      },
      this,
    );
    this.state = { kind: "sent", chosen, place, link, linkId, sentMs };
  }

  private queueRulesAt({ variant }: LiveInstance): QueueRules {
    return queueRules(this.ports.view.catalog.overrides.get(variant), this.query.requirements);
  }

  /** Its links are full, or it was lost while the query waited for its turn there. */
  private unsendable({ executor, endpoint }: LiveInstance): void {
    const { links } = this.ports;
    if (links.reaches(endpoint)) {
      const message = `links to executor ${executor} are full: ${links.room(endpoint, this.tenant)}; try again later`;
      this.refuse(new ServiceError(Code.RESOURCE_EXHAUSTED, message));
      return;
    }
    this.turnAway(executor, new ServiceError(Code.UNAVAILABLE, `executor ${executor} is out of reach`));
  }

  private remainingMs(nowMs: number): number {
    const { latencyMs } = this.query.requirements.slo;
    return latencyMs === null ? Number.POSITIVE_INFINITY : this.query.arrivedMs + latencyMs - nowMs;
  }

  private withdraw(): void {
    const { state } = this;
    if (state.kind === "loading") state.wait.cancel();
    else if (state.kind === "queued") this.leaveQueue(state.chosen, state.place);
    else if (state.kind === "sent") {
      state.link.cancel(state.linkId);
      this.leave(state);
    }
  }

  private leave({ chosen, place, link }: Sent): void {
    chosen.instance.settled(this.rows);
    link.shares.give(this.tenant);
    this.leaveQueue(chosen, place);
  }

  /** Gives up its place in front of the instance, or at it, and lets those go whose turn that makes it. */
  private leaveQueue({ instance }: Chosen, place: FairPlace): void {
    this.state = DECIDING;
    instance.fair.leave(place);
    instance.fair.takeTurns();
  }

  private refuse(error: ServiceError): void {
    this.finish();
    this.query.listener.refused(error);
  }

  private finish(): void {
    this.state = DONE;
    this.onDone(this);
  }
}
