import type { Variant } from "@infaas/policy";
import type { Body } from "../query/body";

/** An answer of a variant of which nothing was measured. */
export interface FirstAnswer {
  /** The ModelInferRequest, and the tensors of its answer; they can be read now and not later. */
  readonly request: Body;
  readonly answer: Body;
  /** The engine's time. */
  readonly runMs: number;
}

/** Learns of the first answers of variants of which nothing was measured. */
export interface FirstAnswers {
  answered(variant: Variant, answer: FirstAnswer): void;
}
