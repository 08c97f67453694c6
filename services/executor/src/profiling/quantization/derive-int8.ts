import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BatchingCertificate, Precision } from "@infaas/api";
import type { ProfilePorts } from "../measurement/profile-ports";
import type { ModelVersionFile, ProfiledArchitecture } from "../measurement/profiled-model";
import { PROFILE_BATCH_MAX } from "../measurement/profiler";
import { probeBatchInvariance } from "../onnx/batch-invariance";
import { encodeModel, type OnnxModel, opsetOf } from "../onnx/model-file";
import { ModelRunner, withRunner } from "../onnx/model-runner";
import { analyseRows } from "../rows/analyse-rows";
import { calibrate } from "./calibration";
import { weightLimitHere } from "./processor";
import { findQuantizable, type QuantizableNode } from "./quantizable";
import { activationsToCalibrate, QUANTIZE_OPSET_MIN, quantizeModel } from "./quantize-model";

/**
 * Mixtures probed for each batch size; more than in full precision, since a value at a rounding step is rare.
 */
const PROBE_MIXTURES = 5;

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

/**
 * Decides whether an int8 file can be derived, and from which operators: those whose answers are steady in a
 * batch. Where there are none, or the model is not batched anyway, all are taken and the file is run one row
 * at a time.
 */
export function planInt8({ architecture, model, validation }: ProfiledArchitecture): QuantizationPlan {
  const opset = opsetOf(model);
  if (opset < QUANTIZE_OPSET_MIN) {
    return {
      possible: false,
      reason: `operator set ${opset}; int8 weights by channel need ${QUANTIZE_OPSET_MIN}`,
    };
  }
  if (!validation)
    return { possible: false, reason: "no validation set to calibrate on and to measure the loss with" };
  const overridable = architecture.inputs.filter(({ optional }) => optional).map(({ name }) => name);
  if (overridable.length > 0) {
    const reason = `callers may send ${overridable.join(", ")} in place of a default, beyond what calibration saw`;
    return { possible: false, reason };
  }
  const all = findQuantizable(model.graph, { steadyOnly: false });
  if (all.length === 0)
    return { possible: false, reason: "there is no MatMul, Gemm or Conv with constant weights" };
  const { batchable, unbatchableReason } = architecture;
  if (!batchable) return { possible: true, nodes: all, unbatchableReason };
  const steady = findQuantizable(model.graph, { steadyOnly: true });
  if (steady.length > 0) return { possible: true, nodes: steady, unbatchableReason: "" };
  return { possible: true, nodes: all, unbatchableReason: noneSteady(all.length) };
}

function noneSteady(count: number): string {
  return `int8 operators behind one whose last bit depends on the rows beside it: ${count} of ${count}; none of them may be batched`;
}

/**
 * Calibrates on the validation rows, writes the int8 file into `folder` and probes whether its rows may be
 * batched.
 */
export async function deriveInt8(
  profiled: ProfiledArchitecture,
  { nodes, unbatchableReason }: QuantizedPart,
  ports: ProfilePorts,
  folder: string,
): Promise<ModelVersionFile> {
  const { model, rows } = profiled;
  const ranges = await calibrate({
    model,
    rows,
    activations: activationsToCalibrate(nodes),
    engines: ports.engines,
    clock: ports.clock,
    path: join(folder, "calibration.onnx"),
  });
  const quantized = quantizeModel({ model, nodes, ranges, weightLimit: await weightLimitHere() });
  const bytes = encodeModel(quantized);
  const path = join(folder, "int8.onnx");
  await writeFile(path, bytes);
  return {
    path,
    precision: Precision.INT8,
    fileBytes: bytes.byteLength,
    unbatchableReason:
      unbatchableReason ||
      whyNotProven(profiled, quantized) ||
      (await whyNotInvariant(profiled, path, ports)),
  };
}

/** What is batched by proof in full precision is so in int8, or not at all; what its owner says holds for both. */
function whyNotProven({ architecture }: ProfiledArchitecture, quantized: OnnxModel): string {
  if (architecture.batchingCertificate !== BatchingCertificate.PROVEN) return "";
  const analysis = analyseRows(quantized);
  return analysis.proven ? "" : analysis.reason;
}

async function whyNotInvariant(
  { rows, signature }: ProfiledArchitecture,
  path: string,
  { engines, clock, host }: ProfilePorts,
): Promise<string> {
  const maxBatch = PROFILE_BATCH_MAX;
  // All cores: how a tensor is divided among them may depend on the rows too.
  const open = ModelRunner.open(engines, rows, { path, threads: host.cores, concurrency: 1, maxBatch });
  const probe = await withRunner(open, (runner) =>
    probeBatchInvariance({
      runner,
      rows,
      outputs: signature.outputs,
      maxBatch,
      clock,
      mixtures: PROBE_MIXTURES,
    }),
  );
  return probe.invariant ? "" : probe.reason;
}
