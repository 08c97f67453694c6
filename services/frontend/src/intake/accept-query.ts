import type { Explanation, InferHeadInput } from "@infaas/api";
import type { Slo } from "@infaas/policy";
import { type Caller, type Clock, Code, ServiceError, type SpanContext } from "@infaas/runtime";
import type { Body } from "../query/body";
import { unansweredBy } from "../query/ending";
import { failureReason } from "../query/failure-reason";
import { lookUpNamed, type NamedModel } from "../query/named-model";
import { OTHER_NAME } from "../query/other-name";
import type { QueryReceipt } from "../query/receipts";
import { overBoundsRefusal } from "../query/refusals";
import type { Requirements } from "../query/requirements";
import type { Flight } from "../routing/flight";
import type { QueryListener } from "../routing/routed-query";
import type { Router } from "../routing/router";
import type { DemandCounters } from "../telemetry/demand-counters";
import type { QueryFace } from "../telemetry/query-face";
import type { Statistics } from "../telemetry/statistics";
import type { TaskCounters } from "../telemetry/task-counters";
import type { AskedQuery, KeptFor, QueryTraces } from "../telemetry/traces";
import type { CatalogModel } from "../view/catalog";
import type { ClusterView } from "../view/cluster-view";
import type { DemandCounts, DemandField } from "../view/demand-class";
import type { Tenant, Tenants } from "./tenants";

export interface IntakeOptions {
  readonly clock: Clock;
  readonly view: ClusterView;
  readonly router: Router;
  readonly tenants: Tenants;
  readonly statistics: Statistics;
  readonly demand: DemandCounters;
  readonly tasks: TaskCounters;
  readonly traces: QueryTraces;
}

/**
 * A query in the form that it came in (ModelInfer, Query of infaas.v1): what it asks, and how it is told its end. Exactly
 * one of `answer` and `refuse` is called, once, possibly before `acceptQuery` returns.
 */
export interface IncomingQuery {
  /** Name and version asked for; an empty version is the current one. */
  readonly target: string;
  readonly version: string;
  /** The request's own; empty: it had none. */
  readonly id: string;
  /** The ModelInferRequest for an executor; stays untouched until the query has ended. */
  readonly body: Body;
  /** Monotonic. */
  readonly arrivedMs: number;
  /** Who asks: queries are bounded and shared out by its tenant. */
  readonly caller: Caller;
  readonly face: QueryFace;
  /** W3C Trace Context of the caller's span; undefined: none came. */
  readonly traceparent: string | undefined;
  /** Its caller, or a proxy, says that it was sent before. */
  readonly isRetry: boolean;
  /** What it needs, besides what its name states, or why it is refused. */
  demand(named: NamedModel): QueryDemand | ServiceError;
  /** The tensors of the answer as they are told, or why the query is refused after all. */
  tensors(body: Body, model: CatalogModel, receipt: QueryReceipt): Body | ServiceError;
  answer(tensors: Body, about: AnsweredQuery): void;
  refuse(error: ServiceError, trace: SpanContext | null): void;
}

export interface QueryDemand {
  readonly requirements: Requirements;
  readonly rows: number;
  /** Its tensors without their contents. */
  readonly sent: readonly InferHeadInput[];
}

/** Model, receipt, explanation and trace that go with an answer. */
export interface AnsweredQuery {
  readonly model: CatalogModel;
  readonly receipt: QueryReceipt;
  readonly explanation: Explanation | null;
  /** Null: it was not sampled. */
  readonly trace: SpanContext | null;
}

/** A query on its way. */
export interface StartedQuery {
  /**
   * The caller is gone: the executor is told, and `refuse` is called with CANCELLED unless the query had
   * ended.
   */
  cancel(): void;
}

/**
 * The one way in: finds the model, decides on a trace, counts the query on its tenant's account, and routes
 * it.
 */
export function acceptQuery(o: IntakeOptions, incoming: IncomingQuery): StartedQuery {
  const found = lookUpNamed(o.view, incoming.target, incoming.version);
  const model = found instanceof ServiceError ? null : found.model;
  const trace = o.traces.start(incoming.traceparent, model?.name ?? "");
  const query = new AcceptedQuery(o, incoming, model, trace);
  query.start(found);
  return query;
}

/** Counts a request that could not be read, so that it never became a query. */
export function countUnreadable({ statistics, tasks }: IntakeOptions, error: ServiceError): void {
  statistics.recordFailure(OTHER_NAME, 0, failureReason(error));
  tasks.unanswered(null, unansweredBy(error), null);
}

/** Request metadata of a query that was sent before: how often, as gRFC A6 has it. */
export const RETRY_METADATA = "grpc-previous-rpc-attempts";

/** A query that is counted until it ends. */
class AcceptedQuery implements QueryListener, StartedQuery {
  /** The tenant that counts it now. */
  private holder: Tenant | null = null;
  private flight: Flight | null = null;
  /** Where its end is counted; null: it is refused before it is known what it asks, or was counted when it came first. */
  private counted: DemandCounts | null = null;
  /** What it requires; null: it is refused before that is read. */
  private slo: Slo | null = null;

  constructor(
    private readonly o: IntakeOptions,
    private readonly incoming: IncomingQuery,
    /** Null for a name nobody registered. */
    private readonly model: CatalogModel | null,
    private trace: SpanContext | null,
  ) {}

  start(found: NamedModel | ServiceError): void {
    const { o, incoming, trace } = this;
    const demand = this.hold() ?? (found instanceof ServiceError ? found : incoming.demand(found));
    if (found instanceof ServiceError || demand instanceof ServiceError) {
      this.refused(demand as ServiceError);
      return;
    }
    // Named one by one: a spread would give every query a shape of its own, and all that reads it afterwards is slow.
    const { requirements, rows, sent } = demand;
    const { model } = found;
    const { body, arrivedMs, caller, isRetry } = incoming;
    const { tenant } = caller;
    this.slo = requirements.slo;
    this.counted = o.demand.offered({ target: model.name, slo: requirements.slo, rows, isRetry });
    const query = { model, sent, requirements, rows, tenant, body, arrivedMs, trace, listener: this };
    this.flight = o.router.route(query);
  }

  cancel(): void {
    if (this.flight?.cancel()) this.refused(new ServiceError(Code.CANCELLED, "cancelled by the caller"));
  }

  answered(body: Body, receipt: QueryReceipt, explanation: Explanation | null): void {
    const { o, incoming } = this;
    const model = this.model as CatalogModel;
    const tensors = incoming.tensors(body, model, receipt);
    if (tensors instanceof ServiceError) {
      this.refused(tensors);
      return;
    }
    this.release();
    const slo = this.slo as Slo;
    if (this.counted !== null) countAnswer(this.counted, receipt, slo.latencyMs);
    o.tasks.answered(receipt, slo);
    o.statistics.recordAnswer(receipt.variant.name, receipt, o.clock.epochMs());
    o.statistics.recordReceipt(receipt.executor, receipt.costUsd);
    const trace = this.keep(keptFor(receipt, slo.latencyMs));
    if (trace !== null) o.traces.answered(trace, receipt, this.asked());
    incoming.answer(tensors, { model, receipt, explanation, trace });
  }

  refused(error: ServiceError): void {
    const { o, incoming } = this;
    this.release();
    const totalMs = o.clock.nowMs() - incoming.arrivedMs;
    if (this.counted !== null) this.counted[refusalField(error)]++;
    o.statistics.recordFailure(this.model?.name ?? OTHER_NAME, totalMs, failureReason(error));
    o.tasks.unanswered(this.model === null ? null : taskOf(this.model), unansweredBy(error), this.slo);
    const trace = this.keep(error.code === Code.CANCELLED ? null : "refused");
    if (trace !== null) o.traces.refused(trace, { error, totalMs }, this.asked());
    incoming.refuse(error, trace);
  }

  /** Its trace; one that was not sampled gets one where there is a reason to keep it. */
  private keep(reason: KeptFor | null): SpanContext | null {
    if (this.trace === null && reason !== null)
      this.trace = this.o.traces.keep(reason, this.incoming.traceparent, this.model?.name ?? "");
    return this.trace;
  }

  private asked(): AskedQuery {
    const { model, slo } = this;
    const { target, id: requestId, face } = this.incoming;
    const task = model === null ? null : taskOf(model);
    return { model: target, version: model?.version ?? "", requestId, face, task, slo };
  }

  /** Counts the query on its tenant's account until it has ended; returns why that may not be, or null. */
  private hold(): ServiceError | null {
    const { caller, body, arrivedMs } = this.incoming;
    const tenant = this.o.tenants.of(caller);
    const over = tenant.admit(body.byteLength, arrivedMs);
    if (over !== null) return overBoundsRefusal(caller.tenant, over);
    this.holder = tenant;
    return null;
  }

  private release(): void {
    this.holder?.release(this.incoming.body.byteLength);
    this.holder = null;
  }
}

/** Why an answered query is traced that was not sampled; null: nothing is remarkable about it. */
function keptFor({ totalMs, downgraded }: QueryReceipt, latencyMs: number | null): KeptFor | null {
  if (latencyMs !== null && totalMs > latencyMs) return "late";
  return downgraded ? "downgraded" : null;
}

/** The task that a model answers; null for an architecture without variants. */
function taskOf({ target, variants }: CatalogModel): string | null {
  return target.kind === "task" ? target.name : (variants[0]?.task ?? null);
}

function countAnswer(
  counts: DemandCounts,
  { totalMs, downgraded, cold }: QueryReceipt,
  latencyMs: number | null,
): void {
  counts[latencyMs !== null && totalMs > latencyMs ? "late" : "inTime"]++;
  if (downgraded) counts.downgraded++;
  if (cold) counts.cold++;
}

/** Where the end of a query that was not answered is counted. */
function refusalField({ code }: ServiceError): DemandField {
  return refusalFields.get(code) ?? "refused.failed";
}

const refusalFields: ReadonlyMap<Code, DemandField> = new Map([
  [Code.CANCELLED, "givenUp"],
  [Code.RESOURCE_EXHAUSTED, "refused.full"],
  [Code.DEADLINE_EXCEEDED, "refused.late"],
  [Code.FAILED_PRECONDITION, "refused.infeasible"],
  [Code.INVALID_ARGUMENT, "refused.infeasible"],
  [Code.UNAVAILABLE, "refused.unavailable"],
]);
