import { toJsonString } from "@bufbuild/protobuf";
import { ExplanationSchema, encodeAnswerHead, encodeCallLoad, orcaTrailer } from "@infaas/api";
import {
  type Caller,
  Code,
  formatTraceparent,
  ServiceError,
  type SpanContext,
  type TrailerValues,
} from "@infaas/runtime";
import { AnswerMessage } from "../query/answer-message";
import { type Body, BytesBody } from "../query/body";
import { classified } from "../query/classification";
import { countRows, type InferBytes, type ReadRequest, readRequest } from "../query/infer-head";
import type { NamedModel } from "../query/named-model";
import { type QueryReceipt, receiptParameters } from "../query/receipts";
import { type RawValue, readRequirements } from "../query/requirements";
import type { SharedMemoryRegions } from "../query/shared-memory-regions";
import { callLoad } from "../telemetry/load-report";
import type { QueryFace } from "../telemetry/query-face";
import type { CatalogModel } from "../view/catalog";
import {
  type AnsweredQuery,
  acceptQuery,
  countUnreadable,
  type IncomingQuery,
  type IntakeOptions,
  type QueryDemand,
  RETRY_METADATA,
  type StartedQuery,
} from "./accept-query";

/** What ModelInferRequests need to be answered. */
export interface InferOptions extends IntakeOptions {
  readonly regions: SharedMemoryRegions;
}

/**
 * One ModelInferRequest as it came through some server (unary gRPC, a gRPC stream, HTTP), without anything of
 * that server. Exactly one of `answer` and `refuse` is called, once, possibly before `startInfer` returns.
 */
export interface InferCall {
  /** Milliseconds that were left at arrival; null = no deadline. */
  readonly deadlineMs: number | null;
  /** Who asks: queries are bounded and shared out by its tenant. */
  readonly caller: Caller;
  readonly face: QueryFace;
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

/** Id, parameters and trailers that go with an answer or a refusal. */
export interface InferOutcome {
  /** The request's own id; empty when it had none or could not be read. */
  readonly id: string;
  /** The request's parameters; empty when it could not be read. */
  readonly parameters: ReadonlyMap<string, RawValue>;
  /** Trailing metadata, or headers where a server has no trailers. */
  readonly trailers: TrailerValues;
}

/**
 * Starts one request: reads the head of `body` (ModelInferRequest bytes), routes, and answers with a fresh
 * head before the executor's own bytes. Tensors are neither decoded nor copied here. `body` must stay
 * untouched until the call ends.
 */
export function startInfer(o: InferOptions, body: InferBytes, call: InferCall): StartedQuery {
  const arrivedMs = o.clock.nowMs();
  const request = readRequest(body, o.regions.of(call.caller.tenant));
  if (request instanceof ServiceError) {
    countUnreadable(o, request);
    call.refuse(request, { id: "", parameters: new Map(), trailers: NO_TRAILERS });
    return ENDED;
  }
  return startRead(o, { request, arrivedMs }, call);
}

/** A request whose head has been parsed. */
export interface ReadInfer {
  readonly request: ReadRequest;
  /** Monotonic. */
  readonly arrivedMs: number;
}

/** As `startInfer`, for a request whose head has been parsed. */
export function startRead(o: InferOptions, read: ReadInfer, call: InferCall): StartedQuery {
  return acceptQuery(o, new InferQuery(o, read, call));
}

const ENDED: StartedQuery = { cancel: () => undefined };
const NO_TRAILERS: TrailerValues = {};

/** A ModelInferRequest as a query. */
class InferQuery implements IncomingQuery {
  private readonly request: ReadRequest;
  readonly arrivedMs: number;

  constructor(
    private readonly o: InferOptions,
    { request, arrivedMs }: ReadInfer,
    private readonly call: InferCall,
  ) {
    this.request = request;
    this.arrivedMs = arrivedMs;
  }

  get target(): string {
    return this.request.head.modelName;
  }

  get version(): string {
    return this.request.head.modelVersion;
  }

  get id(): string {
    return this.request.head.id;
  }

  get body(): Body {
    return this.request.body;
  }

  get caller(): Caller {
    return this.call.caller;
  }

  get face(): QueryFace {
    return this.call.face;
  }

  get traceparent(): string | undefined {
    return this.call.traceparent;
  }

  get isRetry(): boolean {
    return this.call.metadata(RETRY_METADATA) !== undefined;
  }

  demand({ model, stated }: NamedModel): QueryDemand | ServiceError {
    const { call } = this;
    const { head, fault } = this.request;
    if (fault !== null) return fault;
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
    return { requirements: read.requirements, rows, sent: head.inputs };
  }

  /** Classes instead of an output, where the request asks for them. */
  tensors(body: Body, { batched }: CatalogModel, { variant }: QueryReceipt): Body | ServiceError {
    const { classes } = this.request;
    if (classes.size === 0) return body;
    const task = this.o.view.catalog.tasks.find(({ name }) => name === variant.task);
    const labels = task?.labels ?? [];
    const made = classified(body.bytes(), { classes, batched, labels });
    return made instanceof ServiceError ? made : new BytesBody(made);
  }

  answer(tensors: Body, { model, receipt, explanation, trace }: AnsweredQuery): void {
    const { o, call } = this;
    const { modelName, id } = this.request.head;
    const parameters = receiptParameters(receipt, trace);
    if (explanation !== null) parameters.explanation = toJsonString(ExplanationSchema, explanation);
    const head = encodeAnswerHead({ modelName, modelVersion: model.version, id, parameters });
    const load = encodeCallLoad(callLoad(o.view, receipt));
    const message = new AnswerMessage([head, call.sendsAtOnce ? tensors : tensors.bytes()]);
    call.answer(message, this.outcome({ [orcaTrailer]: load }, trace));
  }

  refuse(error: ServiceError, trace: SpanContext | null): void {
    this.call.refuse(error, this.outcome(NO_TRAILERS, trace));
  }

  private outcome(trailers: TrailerValues, trace: SpanContext | null): InferOutcome {
    const { id, parameters } = this.request.head;
    if (trace === null) return { id, parameters, trailers };
    return { id, parameters, trailers: { ...trailers, traceparent: formatTraceparent(trace) } };
  }
}
