import { type OnnxModel, opsetOf } from "../file/model-file";
import { findQuantizable, type QuantizableNode } from "./quantizable";

/** Operator set that gave DequantizeLinear its `axis`, which one scale per channel needs. */
export const QUANTIZE_OPSET_MIN = 13;

/** The operators of a model that can be quantised, or why there is no int8. */
export type QuantizationPlan =
  | ({ readonly possible: true } & QuantizedPart)
  | { readonly possible: false; readonly reason: string };

/** The operators that will be computed in int8. */
export interface QuantizedPart {
  readonly nodes: readonly QuantizableNode[];
  /** Why rows of this file may not share a batch; empty when a probe of the file decides. */
  readonly unbatchableReason: string;
}

/** A model in full precision, as far as it decides about int8. */
export interface QuantizationFacts {
  readonly model: OnnxModel;
  /** Inputs that a request may leave out. */
  readonly optionalInputs: readonly string[];
  /** Whether its task has labelled examples. */
  readonly hasValidation: boolean;
  /** Why its rows may not share a batch; empty where they may. */
  readonly unbatchableReason: string;
}

/**
 * Decides whether an int8 file can be derived, and from which operators: those whose answers are steady in a
 * batch. Where there are none, or the model is not batched anyway, all are taken and the file is run one row
 * at a time.
 */
export function planInt8({
  model,
  optionalInputs,
  hasValidation,
  unbatchableReason,
}: QuantizationFacts): QuantizationPlan {
  const opset = opsetOf(model);
  if (opset < QUANTIZE_OPSET_MIN) {
    return {
      possible: false,
      reason: `operator set ${opset}; int8 weights by channel need ${QUANTIZE_OPSET_MIN}`,
    };
  }
  if (!hasValidation)
    return { possible: false, reason: "no validation set to calibrate on and to measure the loss with" };
  if (optionalInputs.length > 0) {
    const reason = `callers may send ${optionalInputs.join(", ")} in place of a default, beyond what calibration saw`;
    return { possible: false, reason };
  }
  const all = findQuantizable(model.graph, { steadyOnly: false });
  if (all.length === 0)
    return { possible: false, reason: "there is no MatMul, Gemm or Conv with constant weights" };
  if (unbatchableReason !== "") return { possible: true, nodes: all, unbatchableReason };
  const steady = findQuantizable(model.graph, { steadyOnly: true });
  if (steady.length > 0) return { possible: true, nodes: steady, unbatchableReason: "" };
  return { possible: true, nodes: all, unbatchableReason: noneSteady(all.length) };
}

function noneSteady(count: number): string {
  return `int8 operators behind one whose last bit depends on the rows beside it: ${count} of ${count}; none of them may be batched`;
}
