import type { OnnxModel } from "./file/model-file";
import {
  findBatchAxis,
  readOptionalInputs,
  readSignature,
  type Signature,
  type TensorSignature,
} from "./file/signature";
import { planInt8, type QuantizationPlan } from "./quantization/plan-int8";
import { analyseRows } from "./rows/analyse-rows";
import { drawsValues } from "./rows/draws-values";

/** What registration would find out about a file from its graph alone. */
export interface ModelDescription extends Signature {
  readonly optionalInputs: readonly TensorSignature[];
  readonly irVersion: number;
  /** Version by domain; ONNX's own domain is `ai.onnx`. */
  readonly opsets: Readonly<Record<string, number>>;
  /** Nodes of the graph, without those in bodies of conditionals and loops. */
  readonly nodes: number;
  /** Why rows may not share a batch; empty where the graph proves that they may. */
  readonly unbatchableReason: string;
  /** Whether an operator draws its values, so that equal input may be answered otherwise. */
  readonly drawsAnswers: boolean;
  /** Of a task that has labelled examples. */
  readonly int8: QuantizationPlan;
}

/**
 * Describes a model without running it. What is proven of its rows is checked by running them at registration.
 * @throws ServiceError INVALID_ARGUMENT for a tensor without element type, or more inputs than a request may have.
 */
export function describeModel(model: OnnxModel): ModelDescription {
  const signature = readSignature(model);
  const optionalInputs = readOptionalInputs(model);
  const unbatchableReason = whyAlone(model, signature.inputs);
  const int8 = planInt8({
    model,
    optionalInputs: optionalInputs.map(({ name }) => name),
    hasValidation: true,
    unbatchableReason,
  });
  return {
    ...signature,
    optionalInputs,
    irVersion: Number(model.irVersion ?? 0n),
    opsets: Object.fromEntries(
      model.opsetImport.map(({ domain, version }) => [domain || "ai.onnx", Number(version ?? 1n)]),
    ),
    nodes: model.graph.node.length,
    unbatchableReason,
    drawsAnswers: drawsValues(model),
    int8,
  };
}

function whyAlone(model: OnnxModel, inputs: readonly TensorSignature[]): string {
  const axis = findBatchAxis(inputs);
  if (!axis.present) return axis.reason;
  const analysis = analyseRows(model);
  return analysis.proven ? "" : analysis.reason;
}
