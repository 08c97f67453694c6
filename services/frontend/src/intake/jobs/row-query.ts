import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { JobRowSchema, ModelInferResponseSchema, type Slo } from "@infaas/api";
import { OFFLINE_PRIORITY } from "@infaas/policy";
import { type Caller, Code, ServiceError } from "@infaas/runtime";
import type { Body } from "../../query/body";
import { countRows } from "../../query/infer-head";
import type { NamedModel } from "../../query/named-model";
import type { ReadQuery } from "../../query/query-request";
import { receiptMessage } from "../../query/receipts";
import { readSlo } from "../../query/typed-slo";
import { rpcFace } from "../../telemetry/query-face";
import {
  type AnsweredQuery,
  acceptQuery,
  type IncomingQuery,
  type IntakeOptions,
  type QueryDemand,
} from "../accept-query";

/** What all rows of a job have in common. */
export interface RowTerms {
  readonly target: string;
  readonly slo: Slo | undefined;
  /** Whom its rows are counted for. */
  readonly caller: Caller;
}

/** An answered row: JobRow bytes, and what it cost. */
export interface RowAnswer {
  readonly bytes: Uint8Array;
  readonly costUsd: number;
}

/** Runs a row as a query of its own, until `signal` aborts; resolves with its answer or why it was refused. */
export function askRow(
  intake: IntakeOptions,
  { row, terms, isRetry }: { readonly row: ReadQuery; readonly terms: RowTerms; readonly isRetry: boolean },
  signal: AbortSignal,
): Promise<RowAnswer | ServiceError> {
  return new Promise((resolve) => {
    const end = (outcome: RowAnswer | ServiceError) => {
      signal.removeEventListener("abort", cancel);
      resolve(outcome);
    };
    const query = new RowQuery(row, terms, { arrivedMs: intake.clock.nowMs(), isRetry, end });
    let started: { cancel(): void } | null = null;
    const cancel = () => started?.cancel();
    signal.addEventListener("abort", cancel, { once: true });
    started = acceptQuery(intake, query);
  });
}

/** The line of a row that has no answer: JobRow bytes. */
export function failedRow({ code, message }: ServiceError): Uint8Array {
  return toBinary(
    JobRowSchema,
    create(JobRowSchema, { outcome: { case: "failure", value: { code, message } } }),
  );
}

interface RowCall {
  readonly arrivedMs: number;
  readonly isRetry: boolean;
  readonly end: (outcome: RowAnswer | ServiceError) => void;
}

/** Rows of jobs come in by no call of their own: they are queries of infaas.v1 in all but that. */
const jobFace = rpcFace("/infaas.v1.InferenceService/Query");

/** A row as a query: in the lowest lane, without a latency objective. */
class RowQuery implements IncomingQuery {
  readonly target: string;
  readonly version = "";
  readonly id: string;
  readonly body: Body;
  readonly arrivedMs: number;
  readonly caller: Caller;
  readonly isRetry: boolean;
  readonly face = jobFace;
  readonly traceparent = undefined;

  constructor(
    private readonly read: ReadQuery,
    private readonly terms: RowTerms,
    private readonly call: RowCall,
  ) {
    this.target = terms.target;
    this.caller = terms.caller;
    this.id = read.asked.id;
    this.body = read.request.body;
    this.arrivedMs = call.arrivedMs;
    this.isRetry = call.isRetry;
  }

  demand({ model, stated }: NamedModel): QueryDemand | ServiceError {
    const read = readSlo(this.terms.slo, stated, null);
    if (read instanceof ServiceError) return read;
    const { inputs } = this.read.request.head;
    const rows = countRows(model, inputs);
    if (rows instanceof ServiceError) return rows;
    const requirements = { ...read, explain: false, priority: OFFLINE_PRIORITY, queueTimeoutMs: null };
    return { requirements, rows, sent: inputs };
  }

  tensors(body: Body): Body {
    return body;
  }

  answer(tensors: Body, { receipt, trace }: AnsweredQuery): void {
    const { outputs, rawOutputContents } = fromBinary(ModelInferResponseSchema, tensors.bytes());
    const value = { id: this.id, outputs, rawOutputContents, receipt: receiptMessage(receipt, trace) };
    const row = create(JobRowSchema, { outcome: { case: "answer", value } });
    this.call.end({ bytes: toBinary(JobRowSchema, row), costUsd: receipt.costUsd });
  }

  refuse(error: ServiceError): void {
    this.call.end(error);
  }
}

const transient: ReadonlySet<Code> = new Set([
  Code.RESOURCE_EXHAUSTED,
  Code.UNAVAILABLE,
  Code.DEADLINE_EXCEEDED,
  Code.CANCELLED,
]);

/** Whether a row that was refused so may be answered later: for want of room or executors, or while plans are frozen. */
export function mayComeAgain({ code, details }: ServiceError): boolean {
  return transient.has(code) || (code === Code.FAILED_PRECONDITION && details.length === 0);
}
