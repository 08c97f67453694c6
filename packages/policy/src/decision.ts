import type { Executor, Instance, Variant } from "./types";

/** A requirement that can give. */
export type Requirement = "latency" | "accuracy" | "cost";

/**
 * The nearest thing that can be had, with its price: a query asking for exactly these numbers is feasible.
 */
export interface Offer {
  /** The requirements that would have to give; one, unless no single one is enough. */
  readonly relax: readonly Requirement[];
  readonly variant: string;
  readonly latencyMs: number;
  /** Null when it was never measured nor declared. */
  readonly accuracy: number | null;
  /** US dollars per 1,000 queries of as many rows. */
  readonly costUsd: number;
}

/** Why a candidate was not chosen, or that it was. The names of `infaas.v1.Verdict`. */
export type Verdict =
  | "selected"
  | "accuracy-below-floor"
  | "latency-above-slo"
  | "cost-above-max"
  | "batch-too-large"
  | "overloaded"
  | "interfered"
  | "not-loaded"
  | "dearer"
  | "less-accurate"
  /** Equal by the objective; the other completes sooner or fills a busier executor. */
  | "outranked"
  | "no-room"
  | "no-executor";

/** A load to begin in the background. */
export interface StartLoad {
  readonly variant: Variant;
  readonly executor: Executor;
  /** Until it is ready, the start of its host included. */
  readonly loadMs: number;
}

/** An instance that answers in time. */
export interface Selected {
  readonly kind: "selected";
  readonly variant: Variant;
  readonly executor: Executor;
  readonly instance: Instance;
  /** Predicted completion from now: drain, batch and hop. */
  readonly predictedMs: number;
  /** US dollars for this query, all rows. */
  readonly costUsd: number;
  /**
   * Load forced a variant less accurate than the one this query would have got from the same instances idle.
   */
  readonly downgraded: boolean;
}

/** Nothing loaded will do, but a load finishes in time: load, wait (bounded by the SLO), send. */
export interface Cold {
  readonly kind: "cold";
  readonly variant: Variant;
  readonly executor: Executor;
  /** Time until the instance is ready. */
  readonly expectedWaitMs: number;
  /** Wait, batch and hop. */
  readonly predictedMs: number;
  readonly costUsd: number;
  readonly downgraded: false;
}

/** No variant on any host can meet this, even idle. */
export interface Infeasible {
  readonly kind: "infeasible";
  /** The requirement that fails for all candidates that meet the ones before it. */
  readonly reason: Verdict;
  /** The nearest value that can be had, in the unit of the reason; null when there is none. */
  readonly value: number | null;
  /** What was asked for, in the same unit; null when nothing was. */
  readonly limit: number | null;
  readonly offers: readonly Offer[];
}

/** It can be met, but not now. */
export interface Saturated {
  readonly kind: "saturated";
  /** `busy`: all that could are full; `loading`: the load takes longer than the objective. */
  readonly reason: "busy" | "loading" | "no-room" | "no-executor";
  readonly retryAfterMs: number;
  readonly startLoad: StartLoad | null;
}

/** The catalog has no such target. */
export interface Unknown {
  readonly kind: "unknown";
  readonly name: string;
}

/** The outcome for one query. */
export type Decision = Selected | Cold | Infeasible | Saturated | Unknown;
