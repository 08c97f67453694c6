import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { InferenceService, ModelInferResponseSchema, QueryResponseSchema } from "@infaas/api";
import {
  type Caller,
  formatTraceparent,
  methodPath,
  type RawUnaryCall,
  ServiceError,
  type SpanContext,
  type TrailerValues,
} from "@infaas/runtime";
import {
  type AnsweredQuery,
  acceptQuery,
  countUnreadable,
  type IncomingQuery,
  type IntakeOptions,
  type QueryDemand,
  RETRY_METADATA,
} from "../../intake/accept-query";
import type { Body } from "../../query/body";
import { countRows } from "../../query/infer-head";
import type { NamedModel } from "../../query/named-model";
import { type ReadQuery, readQuery } from "../../query/query-request";
import { receiptMessage } from "../../query/receipts";
import { readSlo } from "../../query/typed-slo";
import { type QueryFace, rpcFace } from "../../telemetry/query-face";

const queryPath = methodPath(InferenceService.method.query);
/** Query of gRPC. */
export const queryFace = rpcFace(queryPath);
/** Query of the Connect protocol. */
export const connectQueryFace = rpcFace(queryPath, "connectrpc");

/** Query of infaas.v1, on raw bytes. */
export function queryIngress(o: IntakeOptions, face: QueryFace): (bytes: Buffer, call: RawUnaryCall) => void {
  return (bytes, call) => {
    const arrivedMs = o.clock.nowMs();
    const query = readQuery(bytes);
    if (query instanceof ServiceError) {
      countUnreadable(o, query);
      call.refuse(query);
      return;
    }
    const started = acceptQuery(o, new TypedQuery({ read: query, face }, arrivedMs, call));
    call.onCancel(() => started.cancel());
  };
}

/** A QueryRequest as a query: requirements and receipt are typed. */
class TypedQuery implements IncomingQuery {
  readonly target: string;
  readonly version = "";
  readonly id: string;
  readonly body: Body;

  readonly face: QueryFace;
  private readonly read: ReadQuery;

  constructor(
    { read, face }: { readonly read: ReadQuery; readonly face: QueryFace },
    readonly arrivedMs: number,
    private readonly call: RawUnaryCall,
  ) {
    this.read = read;
    this.face = face;
    const { asked, request } = read;
    this.target = asked.target;
    this.id = asked.id;
    this.body = request.body;
  }

  get caller(): Caller {
    return this.call.caller;
  }

  get traceparent(): string | undefined {
    return this.call.metadata("traceparent");
  }

  get isRetry(): boolean {
    return this.call.metadata(RETRY_METADATA) !== undefined;
  }

  demand({ model, stated }: NamedModel): QueryDemand | ServiceError {
    const { asked, request } = this.read;
    if (request.fault !== null) return request.fault;
    const read = readSlo(asked.slo, stated, this.call.deadlineMs);
    if (read instanceof ServiceError) return read;
    const rows = countRows(model, request.head.inputs);
    if (rows instanceof ServiceError) return rows;
    const requirements = { ...read, explain: asked.explain, priority: 0, queueTimeoutMs: null };
    return { requirements, rows, sent: request.head.inputs };
  }

  tensors(body: Body): Body {
    return body;
  }

  answer(tensors: Body, { receipt, explanation, trace }: AnsweredQuery): void {
    const { outputs, rawOutputContents } = fromBinary(ModelInferResponseSchema, tensors.bytes());
    const told = explanation === null ? {} : { explanation };
    const receiptTold = receiptMessage(receipt, trace);
    const response = { id: this.id, outputs, rawOutputContents, receipt: receiptTold, ...told };
    this.call.answer(toBinary(QueryResponseSchema, create(QueryResponseSchema, response)), trailersOf(trace));
  }

  refuse(error: ServiceError, trace: SpanContext | null): void {
    this.call.refuse(error, trailersOf(trace));
  }
}

function trailersOf(trace: SpanContext | null): TrailerValues {
  return trace === null ? {} : { traceparent: formatTraceparent(trace) };
}
