import { toJsonString } from "@bufbuild/protobuf";
import {
  type Explanation,
  ExplanationSchema,
  encodeAnswerHead,
  encodeCallLoad,
  orcaTrailer,
} from "@infaas/api";
import type { OverBounds } from "@infaas/policy";
import {
  type Caller,
  type Clock,
  Code,
  formatTraceparent,
  ServiceError,
  type SpanContext,
  type TrailerValues,
} from "@infaas/runtime";
import { AnswerMessage } from "../query/answer-message";
import { type Body, BytesBody } from "../query/body";
import { classified } from "../query/classification";
import { failureReason } from "../query/failure-reason";
import { countRows, type ReadRequest, readRequest } from "../query/infer-head";
import { lookUpNamed, type NamedModel } from "../query/named-model";
import { type QueryReceipt, receiptParameters } from "../query/receipts";
import { overBoundsRefusal } from "../query/refusals";
import { type RawValue, type Requirements, readRequirements } from "../query/requirements";
import type { SharedMemoryRegions } from "../query/shared-memory-regions";
import type { QueryCaller, Router } from "../routing/router";
import { callLoad } from "../telemetry/load-report";
import type { Statistics } from "../telemetry/statistics";
import type { QueryTraces } from "../telemetry/traces";
import type { CatalogModel } from "../view/catalog";
import type { ClusterView } from "../view/cluster-view";
import type { Tenant, Tenants } from "./tenants";

/** What every face needs to answer ModelInferRequests. */
export interface InferOptions {
  readonly clock: Clock;
  readonly view: ClusterView;
  readonly router: Router;
  readonly tenants: Tenants;
  readonly statistics: Statistics;
  readonly traces: QueryTraces;
  readonly regions: SharedMemoryRegions;
}

/**
 * One ModelInferRequest as it came through some face (unary gRPC, a gRPC stream, HTTP), without anything of that face.
 * Exactly one of `answer` and `refuse` is called, once, possibly before `startInfer` returns.
 */
export interface InferCall {
  /** Milliseconds that were left at arrival; null = no deadline. */
  readonly deadlineMs: number | null;
  /** Who asks: queries are bounded and shared out by its tenant. */
  readonly caller: Caller;
  /** W3C Trace Context of the caller's span; undefined: none came. */
  readonly traceparent: string | undefined;
  /** Value of a request header or metadata name in lower case, or undefined. */
  metadata(name: string): string | undefined;
  /** All names that `metadata` knows. */
  metadataNames(): readonly string[];
  /** Sends an answer before `answer` returns, so that its body need not be brought into JavaScript. */
  readonly sendsAtOnce?: true;
  /** The answer as a whole ModelInferResponse. */
  answer(message: AnswerMessage, about: InferOutcome): void;
  refuse(error: ServiceError, about: InferOutcome): void;
}

/** What is told beside an answer or a refusal. */
export interface InferOutcome {
  /** The request's own id; empty when it had none or could not be read. */
  readonly id: string;
  /** The request's parameters; empty when it could not be read. */
  readonly parameters: ReadonlyMap<string, RawValue>;
  /** Trailing metadata, or headers where a face has no trailers. */
  readonly trailers: TrailerValues;
}

/** A request on its way. */
export interface StartedInfer {
  /** The caller is gone: the executor is told, and `refuse` is called with CANCELLED unless the call had ended. */
  cancel(): void;
}

/**
 * Starts one request: reads the head of `body` (ModelInferRequest bytes), routes, and answers with a fresh head before
 * the executor's own bytes. Tensors are neither decoded nor copied here. `body` must stay untouched until the call ends.
 */
export function startInfer(o: InferOptions, body: Uint8Array, call: InferCall): StartedInfer {
  const arrivedMs = o.clock.nowMs();
  const request = readRequest(body, o.regions);
  if (request instanceof ServiceError) {
    o.statistics.recordFailure("", 0, failureReason(request));
    call.refuse(request, { id: "", parameters: new Map(), trailers: NO_TRAILERS });
    return ENDED;
  }
  return startRead(o, { request, arrivedMs }, call);
}

/** A request whose head was read before. */
export interface ReadInfer {
  readonly request: ReadRequest;
  /** Monotonic. */
  readonly arrivedMs: number;
}

/** As `startInfer`, from there on. */
export function startRead(o: InferOptions, { request, arrivedMs }: ReadInfer, call: InferCall): StartedInfer {
  const { head } = request;
  const named = lookUpNamed(o.view, head.modelName, head.modelVersion);
  const known = named instanceof ServiceError ? null : named.model;
  const trace = o.traces.start(call.traceparent, known?.name ?? "");
  const caller = new InferCaller({ o, call, request, model: known, arrivedMs, trace });
  const who = call.caller;
  const over = caller.hold(o.tenants.of(who), request.body.byteLength);
  if (over !== null) {
    caller.refused(overBoundsRefusal(who.tenant, over));
    return ENDED;
  }
  const accepted = named instanceof ServiceError ? named : accept(named, request, call);
  if (accepted instanceof ServiceError) {
    caller.refused(accepted);
    return ENDED;
  }
  // Named one by one: a spread would give every query a shape of its own, and all that reads it afterwards is slow.
  const { requirements, rows } = accepted;
  const { tenant } = who;
  const { body } = request;
  const query = { model: accepted.model, requirements, rows, tenant, body, arrivedMs, trace, caller };
  const flight = o.router.route(query);
  return {
    cancel: () => {
      if (flight.cancel()) caller.refused(new ServiceError(Code.CANCELLED, "cancelled by the caller"));
    },
  };
}

const ENDED: StartedInfer = { cancel: () => undefined };

interface Accepted {
  readonly model: CatalogModel;
  readonly requirements: Requirements;
  readonly rows: number;
}

function accept(named: NamedModel, { head, fault }: ReadRequest, call: InferCall): Accepted | ServiceError {
  if (fault !== null) return fault;
  const { model, stated } = named;
  const read = readRequirements({
    parameters: head.parameters,
    metadata: (name) => call.metadata(name),
    metadataNames: () => call.metadataNames(),
    named: stated,
    deadlineMs: call.deadlineMs,
  });
  if (!read.ok) return new ServiceError(Code.INVALID_ARGUMENT, read.fault);
  const rows = countRows(model, head.inputs);
  if (rows instanceof ServiceError) return rows;
  return { model, requirements: read.requirements, rows };
}

/** What is known of a request once it has been read. */
interface Arrival {
  readonly o: InferOptions;
  readonly call: InferCall;
  readonly request: ReadRequest;
  /** Null for a name nobody registered. */
  readonly model: CatalogModel | null;
  readonly arrivedMs: number;
  readonly trace: SpanContext | null;
}

/** One client waiting for its answer, whatever face it came through. */
class InferCaller implements QueryCaller {
  /** Set once the tenant's bounds took the request in. */
  private held: { readonly tenant: Tenant; readonly bytes: number } | null = null;

  constructor(private readonly arrival: Arrival) {}

  /** Counts the request on its tenant's account until it has ended; returns why that may not be, or null. */
  hold(tenant: Tenant, bytes: number): OverBounds | null {
    const over = tenant.admit(bytes, this.arrival.arrivedMs);
    if (over === null) this.held = { tenant, bytes };
    return over;
  }

  answered(body: Body, receipt: QueryReceipt, explanation: Explanation | null): void {
    const { o, call, request, model, trace } = this.arrival;
    const told = this.classified(body, receipt);
    if (told instanceof ServiceError) {
      this.refused(told);
      return;
    }
    this.release();
    o.statistics.recordAnswer(receipt.variant.name, receipt, o.clock.epochMs());
    if (trace !== null) {
      const { modelName, id: requestId } = request.head;
      o.traces.answered(trace, receipt, { model: modelName, version: model?.version ?? "", requestId });
    }
    const parameters = receiptParameters(receipt);
    if (explanation !== null) parameters.explanation = toJsonString(ExplanationSchema, explanation);
    const answerHead = encodeAnswerHead({
      modelName: request.head.modelName,
      modelVersion: model?.version ?? "",
      id: request.head.id,
      parameters,
    });
    const load = encodeCallLoad(callLoad(o.view, receipt));
    const parts = [answerHead, call.sendsAtOnce ? told : told.bytes()];
    call.answer(new AnswerMessage(parts), this.outcome({ [orcaTrailer]: load }));
  }

  refused(error: ServiceError): void {
    const { o, call, model, trace, arrivedMs } = this.arrival;
    this.release();
    const totalMs = o.clock.nowMs() - arrivedMs;
    o.statistics.recordFailure(model?.name ?? "", totalMs, failureReason(error));
    o.traces.refused(trace, error, totalMs);
    call.refuse(error, this.outcome(NO_TRAILERS));
  }

  private release(): void {
    this.held?.tenant.release(this.held.bytes);
    this.held = null;
  }

  private classified(body: Body, receipt: QueryReceipt): Body | ServiceError {
    const { o, request, model } = this.arrival;
    const { classes } = request;
    if (classes.size === 0) return body;
    const task = o.view.catalog.tasks.find(({ name }) => name === receipt.variant.task);
    const options = { classes, batched: model?.batched ?? false, labels: task?.labels ?? [] };
    const made = classified(body.bytes(), options);
    return made instanceof ServiceError ? made : new BytesBody(made);
  }

  private outcome(trailers: TrailerValues): InferOutcome {
    const { trace, request } = this.arrival;
    const { id, parameters } = request.head;
    if (trace === null) return { id, parameters, trailers };
    return { id, parameters, trailers: { ...trailers, traceparent: formatTraceparent(trace) } };
  }
}

const NO_TRAILERS: TrailerValues = {};
