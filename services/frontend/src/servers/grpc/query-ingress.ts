import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Explanation, ModelInferResponseSchema, QueryResponseSchema } from "@infaas/api";
import { Code, type RawUnaryCall, ServiceError, type SpanContext } from "@infaas/runtime";
import type { InferOptions } from "../../intake/infer-call";
import type { Tenant } from "../../intake/tenants";
import type { Body } from "../../query/body";
import { failureReason } from "../../query/failure-reason";
import { countRows } from "../../query/infer-head";
import { lookUpNamed, type NamedModel } from "../../query/named-model";
import { type ReadQuery, readQuery } from "../../query/query-request";
import { type QueryReceipt, receiptMessage } from "../../query/receipts";
import { overBoundsRefusal } from "../../query/refusals";
import { readSlo } from "../../query/typed-slo";
import type { QueryCaller, RoutedQuery } from "../../routing/router";

/** What a query needs to be answered. */
export type QueryOptions = Omit<InferOptions, "regions">;

/** Query of infaas.v1, on raw bytes: the same way of a query as ModelInfer, with typed requirements and receipt. */
export function queryIngress(o: QueryOptions): (bytes: Buffer, call: RawUnaryCall) => void {
  return (bytes, call) => {
    const arrivedMs = o.clock.nowMs();
    const query = readQuery(bytes);
    if (query instanceof ServiceError) {
      o.statistics.recordFailure("", 0, failureReason(query));
      call.refuse(query);
      return;
    }
    start(o, { query, arrivedMs }, call);
  };
}

interface Arrival {
  readonly query: ReadQuery;
  /** Monotonic. */
  readonly arrivedMs: number;
}

function start(o: QueryOptions, { query, arrivedMs }: Arrival, call: RawUnaryCall): void {
  const { asked, request } = query;
  const found = lookUpNamed(o.view, asked.target, "");
  const model = found instanceof ServiceError ? "" : found.model.name;
  const trace = o.traces.start(call.metadata("traceparent"), model);
  const who = call.caller;
  const tenant = o.tenants.of(who);
  const { body } = request;
  const caller = new Caller(o, {
    call,
    id: asked.id,
    model,
    arrivedMs,
    trace,
    tenant,
    bytes: body.byteLength,
  });
  const over = tenant.admit(body.byteLength, arrivedMs);
  if (over !== null) {
    caller.refuse(overBoundsRefusal(who.tenant, over));
    return;
  }
  const accepted = found instanceof ServiceError ? found : accept(found, query, call.deadlineMs);
  if (accepted instanceof ServiceError) {
    caller.refused(accepted);
    return;
  }
  const flight = o.router.route({ ...accepted, tenant: who.tenant, body, arrivedMs, trace, caller });
  call.onCancel(() => {
    if (flight.cancel()) caller.refused(new ServiceError(Code.CANCELLED, "cancelled by the caller"));
  });
}

type Accepted = Pick<RoutedQuery, "model" | "rows" | "requirements">;

function accept(
  { model, stated }: NamedModel,
  { asked, request }: ReadQuery,
  deadlineMs: number | null,
): Accepted | ServiceError {
  if (request.fault !== null) return request.fault;
  const read = readSlo(asked.slo, stated, deadlineMs);
  if (read instanceof ServiceError) return read;
  const rows = countRows(model, request.head.inputs);
  if (rows instanceof ServiceError) return rows;
  const requirements = { ...read, explain: asked.explain, priority: 0, queueTimeoutMs: null };
  return { model, rows, requirements };
}

/** What is known of a query that waits for its answer; not its tensors, which nobody here needs any more. */
interface Asked {
  readonly call: RawUnaryCall;
  readonly id: string;
  /** Empty for a name nobody registered. */
  readonly model: string;
  readonly arrivedMs: number;
  readonly trace: SpanContext | null;
  readonly tenant: Tenant;
  readonly bytes: number;
}

class Caller implements QueryCaller {
  constructor(
    private readonly o: QueryOptions,
    private readonly asked: Asked,
  ) {}

  answered(answer: Body, receipt: QueryReceipt, explanation: Explanation | null): void {
    const { o } = this;
    const { call, id, model, trace, tenant, bytes } = this.asked;
    tenant.release(bytes);
    o.statistics.recordAnswer(receipt.variant.name, receipt, o.clock.epochMs());
    if (trace !== null) {
      const { version } = receipt.variant;
      o.traces.answered(trace, receipt, { model, version: String(version), requestId: id });
    }
    const { outputs, rawOutputContents } = fromBinary(ModelInferResponseSchema, answer.bytes());
    const told = explanation === null ? {} : { explanation };
    const response = { id, outputs, rawOutputContents, receipt: receiptMessage(receipt), ...told };
    call.answer(toBinary(QueryResponseSchema, create(QueryResponseSchema, response)));
  }

  /** Ends a query that the tenant's bounds had taken in. */
  refused(error: ServiceError): void {
    this.asked.tenant.release(this.asked.bytes);
    this.refuse(error);
  }

  refuse(error: ServiceError): void {
    const { o } = this;
    const { call, model, trace, arrivedMs } = this.asked;
    const totalMs = o.clock.nowMs() - arrivedMs;
    o.statistics.recordFailure(model, totalMs, failureReason(error));
    o.traces.refused(trace, error, totalMs);
    call.refuse(error);
  }
}
