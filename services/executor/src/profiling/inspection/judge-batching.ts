import { BatchingCertificate } from "@infaas/api";
import { analyseRows, findBatchAxis } from "@infaas/onnx";
import { Code, ServiceError } from "@infaas/runtime";
import type { ProfilePorts } from "../measurement/profile-ports";
import type { LoadedModel } from "../measurement/profiled-model";
import { PROFILE_BATCH_MAX } from "../measurement/profiler";
import { type Invariance, probeBatchInvariance, probeExtremeRows } from "../onnx/batch-invariance";
import { extremeRows } from "../onnx/extreme-rows";
import { ModelRunner, withRunner } from "../onnx/model-runner";

/**
 * Whether rows of a model may share a batch, and on what ground; `note` is what its owner overrode, empty otherwise.
 * `warning`: the probe contradicts the proof; empty otherwise.
 */
export type BatchingVerdict = { readonly warning: string } & (
  | {
      readonly batchable: true;
      readonly certificate: BatchingCertificate.PROVEN | BatchingCertificate.OWNER;
      readonly note: string;
    }
  | {
      readonly batchable: false;
      readonly certificate: BatchingCertificate.ALONE;
      readonly reason: string;
    }
);

/** What a probe that contradicts a proof asks for: one of the two is wrong. */
const PLEASE_REPORT = "although the graph says that rows keep apart: please report this model as a bug";

/**
 * Batches what the graph proves: a free first axis may be time, and rows that were tried may be too tame to show that they
 * meet (decision 0026). Rows are run alone and together nevertheless, as a check on the proof. The owner has the last word,
 * where there is a batch axis at all.
 * @param stated What the owner says; null when nothing.
 * @throws ServiceError INVALID_ARGUMENT when the owner says yes to what cannot be run as a batch.
 */
export async function judgeBatching(
  loaded: LoadedModel,
  stated: boolean | null,
  ports: ProfilePorts,
): Promise<BatchingVerdict> {
  if (stated === false) return alone("its owner says that rows must not share a batch");
  const noAxis = whyNoAxis(loaded);
  const analysis = analyseRows(loaded.model);
  if (stated === null) {
    if (noAxis !== null) return alone(noAxis);
    if (!analysis.proven) return alone(analysis.reason);
  }
  const probe =
    noAxis === null ? await probeRows(loaded, analysis.proven, ports) : { ...IMPOSSIBLE, reason: noAxis };
  if (!probe.invariant && probe.impossible && stated === true)
    throw new ServiceError(Code.INVALID_ARGUMENT, `the model is stated to be batchable, but ${probe.reason}`);
  const contradicts = analysis.proven && !probe.invariant && probe.refusedAlone !== true;
  const reason = probe.invariant ? null : contradicts ? `${probe.reason}, ${PLEASE_REPORT}` : probe.reason;
  const warning = contradicts ? (reason ?? "") : "";
  if (stated === null) return reason === null ? PROVEN : alone(reason, warning);
  const overridden = analysis.proven ? reason : analysis.reason;
  return overridden === null
    ? PROVEN
    : { ...OWNER, warning, note: `batched because its owner says so, although ${overridden}` };
}

const IMPOSSIBLE = { invariant: false, impossible: true } as const;
const PROVEN = { batchable: true, certificate: BatchingCertificate.PROVEN, note: "", warning: "" } as const;
const OWNER = { batchable: true, certificate: BatchingCertificate.OWNER } as const;

function alone(reason: string, warning = ""): BatchingVerdict {
  return { batchable: false, certificate: BatchingCertificate.ALONE, reason, warning };
}

function whyNoAxis({ signature, rows }: LoadedModel): string | null {
  const axis = findBatchAxis(signature.inputs);
  if (!axis.present) return axis.reason;
  const long = rows.dimsOf(1).findIndex(([first]) => first !== 1);
  if (long < 0) return null;
  const { name } = signature.inputs[long]!;
  return `input ${name} needs more than one element on its first axis, which is no batch axis then`;
}

/** Extreme values are tried on proven models only: in others a value may say how much is computed. */
async function probeRows(
  { path, rows, signature }: LoadedModel,
  proven: boolean,
  ports: ProfilePorts,
): Promise<Invariance> {
  const maxBatch = PROFILE_BATCH_MAX;
  const open = ModelRunner.open(ports.engines, rows, { path, threads: 1, concurrency: 1, maxBatch });
  const refused = await open.then(() => null, refusalOf);
  if (refused !== null) return { ...IMPOSSIBLE, reason: refused };
  const { inputs, outputs } = signature;
  return await withRunner(open, async (runner) => {
    const probe = { runner, rows, outputs, maxBatch, clock: ports.clock };
    const ordinary = await probeBatchInvariance(probe);
    if (!ordinary.invariant || !proven) return ordinary;
    return await probeExtremeRows({ ...probe, extremes: extremeRows(inputs, rows) });
  });
}

/** A model that ran one row and is not opened for batches cannot be batched: the engine says why. */
function refusalOf(cause: unknown): string {
  const { code, message } = ServiceError.from(cause);
  if (code !== Code.INTERNAL && code !== Code.INVALID_ARGUMENT) throw cause;
  return message;
}
