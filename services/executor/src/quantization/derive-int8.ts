import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Precision } from "@infaas/api";
import { probeBatchInvariance } from "../onnx/batch-invariance";
import { encodeModel, opsetOf } from "../onnx/model-file";
import { ModelRunner, withRunner } from "../onnx/model-runner";
import type { ProfilePorts } from "../profile-ports";
import type { ModelVersionFile, ProfiledArchitecture } from "../profiled-model";
import { PROFILE_BATCH_MAX } from "../profiler";
import { calibrate } from "./calibration";
import { weightLimitHere } from "./processor";
import { findQuantizable, type QuantizableNode } from "./quantizable";
import { activationsToCalibrate, QUANTIZE_OPSET_MIN, quantizeModel } from "./quantize-model";

/** What can be quantised in a model, or why it stays in full precision. */
export type QuantizationPlan =
  | { readonly possible: true; readonly nodes: readonly QuantizableNode[] }
  | { readonly possible: false; readonly reason: string };

/** Decides whether an int8 file can be derived and judged. */
export function planInt8({ model, validation }: ProfiledArchitecture): QuantizationPlan {
  const opset = opsetOf(model);
  if (opset < QUANTIZE_OPSET_MIN) {
    return {
      possible: false,
      reason: `operator set ${opset}; int8 weights by channel need ${QUANTIZE_OPSET_MIN}`,
    };
  }
  if (!validation)
    return { possible: false, reason: "no validation set to calibrate on and to measure the loss with" };
  const nodes = findQuantizable(model.graph);
  if (nodes.length === 0)
    return { possible: false, reason: "no MatMul, Gemm or Conv with constant weights comes first" };
  return { possible: true, nodes };
}

/** Calibrates on the validation rows, writes the int8 file into `folder` and probes whether its rows may be batched. */
export async function deriveInt8(
  profiled: ProfiledArchitecture,
  nodes: readonly QuantizableNode[],
  ports: ProfilePorts,
  folder: string,
): Promise<ModelVersionFile> {
  const { architecture, model, rows } = profiled;
  const ranges = await calibrate({
    model,
    rows,
    activations: activationsToCalibrate(nodes),
    engines: ports.engines,
    clock: ports.clock,
    path: join(folder, "calibration.onnx"),
  });
  const bytes = encodeModel(quantizeModel({ model, nodes, ranges, weightLimit: await weightLimitHere() }));
  const path = join(folder, "int8.onnx");
  await writeFile(path, bytes);
  const batchable = architecture.batchable && (await isInvariant(profiled, path, ports));
  return { path, precision: Precision.INT8, fileBytes: bytes.byteLength, batchable };
}

async function isInvariant(
  { rows, signature }: ProfiledArchitecture,
  path: string,
  ports: ProfilePorts,
): Promise<boolean> {
  const maxBatch = PROFILE_BATCH_MAX;
  const open = ModelRunner.open(ports.engines, rows, { path, threads: 1, concurrency: 1, maxBatch });
  return await withRunner(open, async (runner) => {
    return (
      await probeBatchInvariance({ runner, rows, outputs: signature.outputs, maxBatch, clock: ports.clock })
    ).invariant;
  });
}
