import { toJsonString } from "@bufbuild/protobuf";
import { type Explanation, ExplanationSchema, encodeAnswerHead, type InferHead } from "@infaas/api";
import {
  type Clock,
  Code,
  formatTraceparent,
  ServiceError,
  type SpanContext,
  type TrailerValues,
} from "@infaas/runtime";
import { AnswerMessage } from "./answer-message";
import { type Body, BytesBody } from "./body";
import type { CatalogModel } from "./catalog";
import type { ClusterView } from "./cluster-view";
import { countRows, readHead } from "./infer-head";
import { lookUp } from "./open-inference";
import { type QueryReceipt, receiptParameters } from "./receipts";
import { type RawValue, type Requirements, readRequirements } from "./requirements";
import type { QueryCaller, Router } from "./router";
import type { Statistics } from "./statistics";
import type { QueryTraces } from "./traces";

/** What every face needs to answer ModelInferRequests. */
export interface InferOptions {
  readonly clock: Clock;
  readonly view: ClusterView;
  readonly router: Router;
  readonly statistics: Statistics;
  readonly traces: QueryTraces;
}

/**
 * One ModelInferRequest as it came through some face (unary gRPC, a gRPC stream, HTTP), without anything of that face.
 * Exactly one of `answer` and `refuse` is called, once, possibly before `startInfer` returns.
 */
export interface InferCall {
  /** Milliseconds that were left at arrival; null = no deadline. */
  readonly deadlineMs: number | null;
  /** Value of a request header or metadata name in lower case, or undefined. */
  metadata(name: string): string | undefined;
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
  const head = readHead(body);
  if (head instanceof ServiceError) {
    o.statistics.recordFailure("", 0);
    call.refuse(head, { id: "", parameters: new Map(), trailers: NO_TRAILERS });
    return ENDED;
  }
  return startRead(o, { head, body: new BytesBody(body), arrivedMs }, call);
}

/** A request whose head was read before. */
export interface ReadInfer {
  readonly head: InferHead;
  readonly body: Body;
  /** Monotonic. */
  readonly arrivedMs: number;
}

/** As `startInfer`, from there on. */
export function startRead(
  o: InferOptions,
  { head, body, arrivedMs }: ReadInfer,
  call: InferCall,
): StartedInfer {
  const trace = o.traces.start(call.metadata("traceparent"));
  const caller = new InferCaller(o, call, head, arrivedMs, trace);
  const accepted = accept(o.view, head, call);
  if (accepted instanceof ServiceError) {
    caller.refused(accepted);
    return ENDED;
  }
  caller.model = accepted.model;
  // Named one by one: a spread would give every query a shape of its own, and all that reads it afterwards is slow.
  const { model, requirements, rows } = accepted;
  const flight = o.router.route({ model, requirements, rows, body, arrivedMs, trace, caller });
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

function accept(view: ClusterView, head: InferHead, call: InferCall): Accepted | ServiceError {
  const model = lookUp(view, head.modelName, head.modelVersion);
  if (model instanceof ServiceError) return model;
  const read = readRequirements({
    parameters: head.parameters,
    metadata: (name) => call.metadata(name),
    deadlineMs: call.deadlineMs,
  });
  if (!read.ok) return new ServiceError(Code.INVALID_ARGUMENT, read.fault);
  const rows = countRows(model, head.inputs);
  if (rows instanceof ServiceError) return rows;
  return { model, requirements: read.requirements, rows };
}

/** One client waiting for its answer, whatever face it came through. */
class InferCaller implements QueryCaller {
  model: CatalogModel | null = null;

  constructor(
    private readonly o: InferOptions,
    private readonly call: InferCall,
    private readonly head: InferHead,
    private readonly arrivedMs: number,
    private readonly trace: SpanContext | null,
  ) {}

  answered(body: Body, receipt: QueryReceipt, explanation: Explanation | null): void {
    const { head, call, trace } = this;
    this.o.statistics.recordAnswer(receipt.variant.name, receipt, this.o.clock.epochMs());
    this.o.traces.answered(trace, receipt);
    const parameters = receiptParameters(receipt);
    if (explanation !== null) parameters.explanation = toJsonString(ExplanationSchema, explanation);
    const answerHead = encodeAnswerHead({
      modelName: head.modelName,
      modelVersion: this.model?.version ?? "",
      id: head.id,
      parameters,
    });
    call.answer(new AnswerMessage([answerHead, call.sendsAtOnce ? body : body.bytes()]), this.outcome());
  }

  refused(error: ServiceError): void {
    const totalMs = this.o.clock.nowMs() - this.arrivedMs;
    this.o.statistics.recordFailure(this.model?.name ?? "", totalMs);
    this.o.traces.refused(this.trace, error, totalMs);
    this.call.refuse(error, this.outcome());
  }

  private outcome(): InferOutcome {
    const { trace } = this;
    const { id, parameters } = this.head;
    return {
      id,
      parameters,
      trailers: trace === null ? NO_TRAILERS : { traceparent: formatTraceparent(trace) },
    };
  }
}

const NO_TRAILERS: TrailerValues = {};
