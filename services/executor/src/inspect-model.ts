import { readFile } from "node:fs/promises";
import { clone, create } from "@bufbuild/protobuf";
import {
  type Architecture,
  ArchitectureSchema,
  type ProfileModelRequest,
  type Task,
  TaskSchema,
  TensorSpecSchema,
} from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";
import { readValidation } from "./accuracy";
import { probeBatchInvariance } from "./onnx/batch-invariance";
import { decodeModel } from "./onnx/model-file";
import { ModelRunner, withRunner } from "./onnx/model-runner";
import { type RowSet, randomRows } from "./onnx/row-set";
import { findBatchAxis, readSignature, type TensorSignature } from "./onnx/signature";
import type { ProfilePorts } from "./profile-ports";
import type { ProfiledArchitecture } from "./profiled-model";
import { PROFILE_BATCH_MAX } from "./profiler";

/** A model whose file the engine runs; whether it is batchable is not known yet. */
export interface LoadedModel extends ProfiledArchitecture {
  readonly path: string;
}

/**
 * Reads a model file and its validation set, and runs one row.
 * @throws ServiceError INVALID_ARGUMENT when the request, the file or the validation set cannot be used.
 */
export async function loadModel(
  request: ProfileModelRequest,
  path: string,
  ports: ProfilePorts,
): Promise<LoadedModel> {
  const { architecture, task } = named(request);
  const model = decodeModel(await readFile(path));
  const signature = readSignature(model);
  const validation = await readValidation(task, signature.inputs, ports.readArtifact);
  const rows = validation?.rows ?? randomRows(signature.inputs, task.text?.length ?? null);
  await expectToRun(path, rows, ports);
  architecture.inputs = signature.inputs.map(specOf);
  architecture.outputs = signature.outputs.map(specOf);
  return { architecture, task, model, signature, rows, validation, path };
}

/** Finds out by running it whether a model's rows may share a batch. */
export async function inspectModel(loaded: LoadedModel, ports: ProfilePorts): Promise<ProfiledArchitecture> {
  const reason = await whyNotBatchable(loaded, ports);
  const architecture = clone(ArchitectureSchema, loaded.architecture);
  architecture.batchable = reason === "";
  architecture.unbatchableReason = reason;
  return { ...loaded, architecture };
}

function named({ architecture, task }: ProfileModelRequest): { architecture: Architecture; task: Task } {
  if (!architecture?.name || !architecture.modelDigest) {
    throw new ServiceError(
      Code.INVALID_ARGUMENT,
      "an architecture with a name and a model digest is needed to profile it",
    );
  }
  return { architecture: clone(ArchitectureSchema, architecture), task: task ?? create(TaskSchema) };
}

/** A file that the engine cannot open, or that fails on its first row, is the owner's fault and not this service's. */
async function expectToRun(path: string, rows: RowSet, { engines }: ProfilePorts): Promise<void> {
  try {
    const open = ModelRunner.open(engines, rows, { path, threads: 1, concurrency: 1, maxBatch: 1 });
    await withRunner(open, (runner) => runner.run([0]));
  } catch (cause) {
    const { message } = ServiceError.from(cause);
    throw new ServiceError(Code.INVALID_ARGUMENT, `the engine cannot run this model: ${message}`, { cause });
  }
}

async function whyNotBatchable(
  { path, signature, rows }: LoadedModel,
  { engines, clock }: ProfilePorts,
): Promise<string> {
  const axis = findBatchAxis(signature);
  if (!axis.present) return axis.reason;
  const maxBatch = PROFILE_BATCH_MAX;
  const open = ModelRunner.open(engines, rows, { path, threads: 1, concurrency: 1, maxBatch });
  const probe = await withRunner(open, (runner) => {
    return probeBatchInvariance({ runner, rows, outputs: signature.outputs, maxBatch, clock });
  });
  return probe.invariant ? "" : probe.reason;
}

function specOf({ name, datatype, shape }: TensorSignature) {
  return create(TensorSpecSchema, { name, datatype, shape: shape.map(BigInt) });
}
