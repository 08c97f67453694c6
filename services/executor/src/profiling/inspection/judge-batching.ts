import { Code, ServiceError } from "@infaas/runtime";
import type { ProfilePorts } from "../measurement/profile-ports";
import type { LoadedModel } from "../measurement/profiled-model";
import { PROFILE_BATCH_MAX } from "../measurement/profiler";
import { type Invariance, probeBatchInvariance } from "../onnx/batch-invariance";
import { dynamicQuantisation } from "../onnx/dynamic-quantisation";
import { ModelRunner, withRunner } from "../onnx/model-runner";
import { findBatchAxis } from "../onnx/signature";

/** Whether rows of a model may share a batch; `note` is what its owner overrode, empty otherwise. */
export type BatchingVerdict =
  | { readonly batchable: true; readonly note: string }
  | { readonly batchable: false; readonly reason: string };

const IMPOSSIBLE = { invariant: false, impossible: true } as const;

/**
 * A free first axis is no proof of a batch: it may be time, and a model quantised as it runs answers a row differently
 * among other rows. So rows are run alone and together. The owner has the last word, where there is an axis at all.
 * @param stated What the owner says; null when nothing.
 * @throws ServiceError INVALID_ARGUMENT when the owner says yes to what cannot be run as a batch.
 */
export async function judgeBatching(
  loaded: LoadedModel,
  stated: boolean | null,
  ports: ProfilePorts,
): Promise<BatchingVerdict> {
  if (stated === false)
    return { batchable: false, reason: "its owner says that rows must not share a batch" };
  const noAxis = whyNoAxis(loaded);
  const probe = noAxis === null ? await probeRows(loaded, ports) : { ...IMPOSSIBLE, reason: noAxis };
  if (!probe.invariant && probe.impossible) {
    if (stated === null) return { batchable: false, reason: probe.reason };
    throw new ServiceError(Code.INVALID_ARGUMENT, `the model is stated to be batchable, but ${probe.reason}`);
  }
  const reason = dynamicQuantisation(loaded.model.graph) ?? (probe.invariant ? null : probe.reason);
  if (reason === null) return { batchable: true, note: "" };
  if (stated === null) return { batchable: false, reason };
  return { batchable: true, note: `batched because its owner says so, although ${reason}` };
}

function whyNoAxis({ signature, rows }: LoadedModel): string | null {
  const axis = findBatchAxis(signature.inputs);
  if (!axis.present) return axis.reason;
  const long = rows.dimsOf(1).findIndex(([first]) => first !== 1);
  if (long < 0) return null;
  const { name } = signature.inputs[long]!;
  return `input ${name} needs more than one element on its first axis, which is no batch axis then`;
}

async function probeRows({ path, rows, signature }: LoadedModel, ports: ProfilePorts): Promise<Invariance> {
  const maxBatch = PROFILE_BATCH_MAX;
  const open = ModelRunner.open(ports.engines, rows, { path, threads: 1, concurrency: 1, maxBatch });
  const refused = await open.then(() => null, refusalOf);
  if (refused !== null) return { ...IMPOSSIBLE, reason: refused };
  return await withRunner(open, (runner) =>
    probeBatchInvariance({ runner, rows, outputs: signature.outputs, maxBatch, clock: ports.clock }),
  );
}

/** A model that ran one row and is not opened for batches cannot be batched: the engine says why. */
function refusalOf(cause: unknown): string {
  const { code, message } = ServiceError.from(cause);
  if (code !== Code.INTERNAL && code !== Code.INVALID_ARGUMENT) throw cause;
  return message;
}
