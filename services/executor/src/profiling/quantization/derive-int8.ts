import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BatchingCertificate, Precision } from "@infaas/api";
import {
  analyseRows,
  encodeModel,
  type OnnxModel,
  planInt8,
  type QuantizationPlan,
  type QuantizedPart,
} from "@infaas/onnx";
import type { ProfilePorts } from "../measurement/profile-ports";
import type { ModelVersionFile, ProfiledArchitecture } from "../measurement/profiled-model";
import { PROFILE_BATCH_MAX } from "../measurement/profiler";
import { probeBatchInvariance } from "../onnx/batch-invariance";
import { ModelRunner, withRunner } from "../onnx/model-runner";
import { calibrate } from "./calibration";
import { weightLimitHere } from "./processor";
import { activationsToCalibrate, quantizeModel } from "./quantize-model";

/**
 * Mixtures probed for each batch size; more than in full precision, since a value at a rounding step is rare.
 */
const PROBE_MIXTURES = 5;

/** Decides whether an int8 file of a profiled model can be derived, and from which operators. */
export function planInt8Of({ model, architecture, validation }: ProfiledArchitecture): QuantizationPlan {
  const { batchable, unbatchableReason } = architecture;
  return planInt8({
    model,
    optionalInputs: architecture.inputs.filter(({ optional }) => optional).map(({ name }) => name),
    hasValidation: validation !== null,
    unbatchableReason: batchable ? "" : unbatchableReason,
  });
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
