import { readFile } from "node:fs/promises";
import { clone, create } from "@bufbuild/protobuf";
import {
  type Adapter,
  type Architecture,
  ArchitectureSchema,
  BatchingCertificate,
  type DataType,
  type OfferedTensors,
  type ProfileModelRequest,
  signatureFault,
  type Task,
  TaskSchema,
  type TensorSpec,
  TensorSpecSchema,
} from "@infaas/api";
import {
  type AxisSizes,
  analyseRows,
  answeredSignature,
  decodeModel,
  drawsValues,
  expectNamedOutputs,
  findAxisConstraints,
  freeAxes,
  type OnnxModel,
  readInputs,
  statedSizes,
  type TensorSignature,
} from "@infaas/onnx";
import { Code, ServiceError } from "@infaas/runtime";
import type { EngineTensor } from "../../engines/engine-port";
import { type FittedExamples, fitExamples } from "../examples/fit-examples";
import { readExamples } from "../examples/read-examples";
import { type LabelledRows, readValidation } from "../measurement/accuracy";
import type { ProfilePorts } from "../measurement/profile-ports";
import type { LoadedModel, ProfiledArchitecture, UnprofiledModel } from "../measurement/profiled-model";
import { expectFiles } from "../onnx/expect-files";
import { ModelRunner, type RunAnswer, withRunner } from "../onnx/model-runner";
import { randomRows } from "../onnx/random-rows";
import type { RowSet } from "../onnx/row-set";
import { wordsOf } from "../onnx/vocabulary";
import { findWorkingRows, type InputHints } from "../onnx/working-rows";
import { expectPadding } from "./expect-padding";
import { adaptedSizes, statedAdapter, taskAdapter } from "./fit-adapter";
import { judgeBatching } from "./judge-batching";

/**
 * Reads a model file and its validation set, and runs one row. Rows are its owner's examples,
 * those of the validation set where there are none, else worked out; where none is found, the model can be served
 * nevertheless, and nothing can be measured.
 * @throws ServiceError INVALID_ARGUMENT when the request, the file, an example or the validation set cannot be used.
 */
export async function loadModel(
  request: ProfileModelRequest,
  path: string,
  ports: ProfilePorts,
): Promise<LoadedModel | UnprofiledModel> {
  const { architecture, task } = named(request);
  expectFiles(path, architecture.externalData);
  const model = decodeModel(await readFile(path));
  const inputs = readInputs(model);
  expectNamedOutputs(model);
  const stated = statedAdapter(architecture, inputs.map(specOf));
  const adapter = stated ?? taskAdapter(task, inputs.map(specOf));
  const validation = await readValidation({ task, inputs, adapter, readArtifact: ports.readArtifact });
  const rowsApart = () => request.statedBatchable ?? analyseRows(model).proven;
  const adapted = adapter === undefined ? [] : adaptedSizes(adapter, inputs);
  const examples = fitExamples(inputs, await readExamples(request.examples, inputs), rowsApart);
  const told = new Map([...adapted, ...statedSizes(inputs, request.axisSizes), ...examples.sizes]);
  const { rows, reason, outputs, optional } = await runFirst(
    { path, inputs, task, validation, examples, told, model, stated },
    ports,
  );
  architecture.inputs = [...inputs.map(specOf), ...optional];
  architecture.outputs = outputs.map(specOf);
  expectSignature(task, architecture);
  if (adapter !== undefined) architecture.adapter = adapter;
  const drawsAnswers = drawsValues(model);
  if (rows === null) {
    const unprofiledReason = `no input was found that it takes: ${reason}`;
    return unprofiled(request, { architecture, task, path, drawsAnswers, unprofiledReason });
  }
  const signature = { inputs, outputs };
  return { architecture, task, model, signature, rows, validation, drawsAnswers, path };
}

/**
 * Finds out whether a model's rows may share a batch, unless its owner has said so, and whether a padding
 * that is stated leaves its answers alone. `warnings` ask for reports.
 * @throws ServiceError INVALID_ARGUMENT when the owner says yes to what cannot be run as a batch, or to a padding that changes an
 * answer.
 */
export async function inspectModel(
  loaded: LoadedModel,
  request: ProfileModelRequest,
  ports: ProfilePorts,
): Promise<ProfiledArchitecture & { readonly warnings: readonly string[] }> {
  await expectPadding(loaded, ports);
  const verdict = await judgeBatching(loaded, request.statedBatchable ?? null, ports);
  const architecture = clone(ArchitectureSchema, loaded.architecture);
  architecture.batchable = verdict.batchable;
  architecture.batchingCertificate = verdict.certificate;
  architecture.unbatchableReason = verdict.batchable ? "" : verdict.reason;
  architecture.batchingNote = verdict.batchable ? verdict.note : "";
  return { ...loaded, architecture, warnings: verdict.warning === "" ? [] : [verdict.warning] };
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

interface FirstRun {
  readonly path: string;
  readonly inputs: readonly TensorSignature[];
  readonly task: Task;
  readonly validation: LabelledRows | null;
  readonly examples: FittedExamples;
  readonly told: AxisSizes;
  readonly model: OnnxModel;
  /** Adapter that its owner states; one of its task changes nothing about what it must take. */
  readonly stated: Adapter | undefined;
}

function hintsOf(model: OnnxModel, inputs: readonly TensorSignature[]): InputHints {
  const texts = inputs.filter(({ datatype }) => datatype === "BYTES");
  const words = new Map(texts.map(({ name }) => [name, wordsOf(model, name)]));
  return { constraints: findAxisConstraints(model), words };
}

/** Rows may share a batch, and may be padded, only where that was tried. */
function unprofiled(
  { statedBatchable, architecture: asked }: ProfileModelRequest,
  model: UnprofiledModel,
): UnprofiledModel {
  const { architecture, unprofiledReason } = model;
  const stated = statedBatchable === true ? "batchable" : asked?.padding === undefined ? null : "padded";
  if (stated !== null) {
    const message = `the model is stated to be ${stated}, but ${unprofiledReason}`;
    throw new ServiceError(Code.INVALID_ARGUMENT, message);
  }
  architecture.batchable = false;
  architecture.batchingCertificate = BatchingCertificate.ALONE;
  architecture.unbatchableReason = unprofiledReason;
  return model;
}

/** What the first run found out; `rows` is null where nothing was found that can be run, and `reason` says why. */
interface FirstAnswer {
  readonly rows: RowSet | null;
  readonly reason: string;
  readonly outputs: readonly TensorSignature[];
  readonly optional: readonly TensorSpec[];
}

/** Opens the file and runs one row at least: of the examples, of the validation set, or one that is worked out. */
async function runFirst(o: FirstRun, ports: ProfilePorts): Promise<FirstAnswer> {
  const { path, inputs, task, validation } = o;
  const { given } = o.examples;
  const { engines, clock } = ports;
  const anyRows = validation?.rows ?? randomRows([]);
  const open = ModelRunner.open(engines, anyRows, { path, threads: 1, concurrency: 1, maxBatch: 1 });
  const opened = await open.catch(refuse);
  return await withRunner(Promise.resolve(opened), async (runner) => {
    const optional = runner.optionalInputs.map((tensor) => ({ ...declaredSpec(tensor), optional: true }));
    const declared = {
      inputs: [...inputs.map(specOf), ...optional],
      outputs: runner.outputs.map(declaredSpec),
      ...(o.stated === undefined ? {} : { adapter: o.stated }),
    };
    expectSignature(task, declared);
    const answer = async (rows: RowSet): Promise<RunAnswer> => runner.over(rows).run([0]);
    if (validation && given.size === 0) {
      const first = await answer(validation.rows).catch(refuse);
      const outputs = answeredSignature(runner.outputs, first.outputDims, inputs);
      return { rows: validation.rows, reason: "", optional, outputs };
    }
    const run = (rows: RowSet, row: number) => runner.over(rows).run([row]);
    const found = await findWorkingRows({
      inputs,
      told: withTextLength(o.told, inputs, task),
      given,
      hints: hintsOf(o.model, inputs),
      run,
      clock,
    });
    if (found.kind === "none") {
      const { reason } = found;
      if (given.size > 0) refuse(new ServiceError(Code.INVALID_ARGUMENT, reason));
      return { rows: null, reason, optional, outputs: runner.outputs.map(declaredSignature) };
    }
    const { rows } = found;
    const outputs = answeredSignature(runner.outputs, (await answer(rows)).outputDims, inputs);
    return { rows, reason: "", optional, outputs };
  });
}

/** A task for texts of one length says how long every free axis is that nobody else has told of. */
function withTextLength(told: AxisSizes, inputs: readonly TensorSignature[], { text }: Task): AxisSizes {
  if (!text?.length) return told;
  const { inner } = freeAxes(inputs);
  return new Map([...[...inner].map((key) => [key, text.length] as const), ...told]);
}

/** A file that the engine cannot open, or that fails on its first row, is the owner's fault and not this service's. */
function refuse(cause: unknown): never {
  const { message } = ServiceError.from(cause);
  throw new ServiceError(Code.INVALID_ARGUMENT, `the engine cannot run this model: ${message}`, { cause });
}

/** What the file declares is checked before anything runs, what came out of the first row before anything is measured. */
function expectSignature(task: Task, offered: OfferedTensors): void {
  const fault = signatureFault(task, offered);
  if (fault === null) return;
  const hint = "map its tensors (--map), or register it under a task of its own";
  throw new ServiceError(Code.FAILED_PRECONDITION, `${fault}; ${hint}`);
}

function declaredSignature({ name, datatype, dims, anyRank }: EngineTensor): TensorSignature {
  const declared = { name, datatype: datatype as DataType, shape: dims };
  return anyRank ? { ...declared, anyRank } : declared;
}

function declaredSpec({ name, datatype, dims, anyRank }: EngineTensor): TensorSpec {
  return tensorSpec(name, datatype, anyRank ? null : dims);
}

function specOf({ name, datatype, shape, anyRank }: TensorSignature): TensorSpec {
  return tensorSpec(name, datatype, anyRank ? null : shape);
}

/** A tensor that does not say how many axes it has is told as one axis of any size, as stock servers have it. */
function tensorSpec(name: string, datatype: string, shape: readonly number[] | null): TensorSpec {
  const told = { name, datatype, shape: (shape ?? [-1]).map(BigInt) };
  return create(TensorSpecSchema, shape === null ? { ...told, anyRank: true } : told);
}
