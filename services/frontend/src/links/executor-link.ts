import type { AnswerFrame, InferFrame, RefusalFrame } from "@infaas/api";
import type { DynamicShares } from "@infaas/policy";
import { Backoff, Code, type Random, ServiceError } from "@infaas/runtime";
import type { Body } from "../query/body";

/** An answer to one query; valid while its listener is being told. */
export type LinkAnswer = Omit<AnswerFrame, "type" | "id" | "body"> & { readonly body: Body };
/** A refusal of one query; valid while its listener is being told. */
export type LinkRefusal = Omit<RefusalFrame, "type" | "id">;

/** One query for an executor. */
export interface LinkQuery {
  /** Time left; 0 = no limit. */
  readonly timeoutMs: number;
  /** With `LANE_ALONE` for one that shares no batch. */
  readonly lane: number;
  readonly trace: InferFrame["trace"];
  readonly variant: string;
  readonly body: Body;
}

/** One connection to an executor that carries many queries at once. */
export interface ExecutorLink {
  /** True while queries may be sent. */
  readonly up: boolean;
  /** Queries sent and not yet answered. */
  readonly inFlight: number;
  /** What each tenant has in flight; kept by who sends. */
  readonly shares: DynamicShares;
  /** True when one more query of this tenant is within the bound, and leaves as much room as it has. */
  hasRoom(tenant: string): boolean;
  /**
   * Sends one query; returns the id to cancel it by. Only while there is room. The listener hears of it
   * later.
   */
  send(query: LinkQuery, listener: LinkListener): number;
  /** The listener hears no more of this query; the executor is told to forget it. */
  cancel(id: number): void;
  /** Ends the link for good. Pending queries are lost with `fault`. */
  close(fault: ServiceError): void;
}

/**
 * Callbacks of one query on a link. Exactly one of the three is called, once, unless the query was cancelled.
 */
export interface LinkListener {
  answered(answer: LinkAnswer): void;
  refused(refusal: LinkRefusal): void;
  /** The link broke; the executor may or may not have run the query. */
  lost(fault: ServiceError): void;
}

/** Callbacks of a link: it opened or broke, or its executor drains. */
export interface LinkEvents {
  /** `up` turns true when the executor has greeted, false when the link broke. */
  changed(up: boolean): void;
  /** The executor asks to be taken out of rotation. */
  draining(): void;
}

/**
 * Longest wait for an executor's first frame on a new link; beyond it (a host that drops packets) the link is
 * opened anew.
 */
export const GREETING_MAX_MS = 5_000;
/** Pauses before a broken link is opened again. */
const RECONNECT_FIRST_MS = 50;
const RECONNECT_MAX_MS = 1_000;

/** Returns the pauses before a broken link is opened again. */
export function reconnectBackoff(jitter: Random): Backoff {
  return new Backoff({ firstMs: RECONNECT_FIRST_MS, maxMs: RECONNECT_MAX_MS, jitter });
}

/** The error of queries that were on a link when it broke. */
export function linkLost(address: string, cause: ServiceError | string | null): ServiceError {
  const message = `connection to the executor at ${address} was lost`;
  return new ServiceError(Code.UNAVAILABLE, message, { cause: cause ?? undefined });
}
