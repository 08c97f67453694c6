import type { Explanation, InferHeadInput } from "@infaas/api";
import type { ServiceError, SpanContext } from "@infaas/runtime";
import type { Body } from "../query/body";
import type { QueryReceipt } from "../query/receipts";
import type { Requirements } from "../query/requirements";
import type { CatalogModel } from "../view/catalog";

/** One query to route. */
export interface RoutedQuery {
  readonly model: CatalogModel;
  /** Its tensors without their contents. */
  readonly sent: readonly InferHeadInput[];
  readonly requirements: Requirements;
  readonly rows: number;
  /** Tenant that it is counted for. */
  readonly tenant: string;
  /** The original ModelInferRequest. */
  readonly body: Body;
  /** Monotonic time of arrival at this frontend. */
  readonly arrivedMs: number;
  readonly trace: SpanContext | null;
  readonly listener: QueryListener;
}

/** Receives the end of a query: one of the two is called, once, unless it was cancelled. */
export interface QueryListener {
  answered(body: Body, receipt: QueryReceipt, explanation: Explanation | null): void;
  refused(error: ServiceError): void;
}
