import { create, equals, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  type Adapter,
  AdapterSchema,
  type Architecture,
  type ArtifactService,
  axisNames,
  ExampleFileSchema,
  ExecutionService,
  exampleFilesFault,
  isOwnTask,
  modelNameFault,
  ownTaskPrefix,
  type Padding,
  PaddingSchema,
  type ProfileModelRequestSchema,
  type RegisterModelRequest,
  type RegisterModelResponseSchema,
  type RegistrationResult,
  type RegistryService,
  sameMapping,
  type Task,
  TaskSchema,
  type Variant,
} from "@infaas/api";
import { actingFor, digestOfBytes, readerOf, USER_CALL_TIMEOUT_MS, writerOf } from "@infaas/cluster";
import {
  type Caller,
  type ClientOf,
  Code,
  createRpcClient,
  type DialSecurity,
  type Logger,
  ServiceError,
} from "@infaas/runtime";
import { checkOwner } from "../view/check-owner";
import type { ClusterView } from "../view/cluster-view";
import type { LiveExecutor } from "../view/live-instance";
import type { HeldHost } from "./host-holds";

export interface RegistrationOptions {
  readonly view: ClusterView;
  readonly registry: ClientOf<typeof RegistryService>;
  readonly artifacts: ClientOf<typeof ArtifactService>;
  readonly logger: Logger;
  /** How executors are called. */
  readonly dial: DialSecurity;
  /** Has a host there while a model of this name is profiled; resolves once an executor takes work. */
  readonly holdHost: (model: string, signal: AbortSignal) => Promise<HeldHost>;
  /** Places the first instances of a new architecture. */
  readonly placeInitially: (result: RegistrationResult) => Promise<void>;
}

/** Who registers. */
export interface RegistrationCall {
  readonly caller: Caller;
  readonly signal: AbortSignal;
  /** Default 1. */
  readonly versionAtLeast?: number;
}

type Event = MessageInitShape<typeof RegisterModelResponseSchema>;
type ProfileOrder = MessageInitShape<typeof ProfileModelRequestSchema>;

const TOLERANCE_DEFAULT = 0.01;

/**
 * Registers one model file: an executor generates and profiles its variants, the registry records them, the efficient
 * ones are placed. Yields progress as it happens, then the result. The very same file again is a no-op. Another file gets
 * the next version, or `versionAtLeast` where that is later.
 */
export async function* registerModel(
  o: RegistrationOptions,
  request: RegisterModelRequest,
  { caller, signal, versionAtLeast = 1 }: RegistrationCall,
): AsyncGenerator<Event> {
  const wrong = modelNameFault(request.name);
  if (wrong !== null) throw new ServiceError(Code.INVALID_ARGUMENT, wrong);
  const unread = exampleFilesFault(request.examples);
  if (unread !== null) throw new ServiceError(Code.INVALID_ARGUMENT, unread);
  checkOwners(o.view, request, caller);
  const task = signedFor(request, taskOf(o, request), o.view);
  checkNames(o.view, request, task);
  const before = request.retry ? null : unchanged(o.view, request, task);
  if (before !== null) {
    yield { event: { case: "result", value: before } };
    return;
  }
  await expectUploaded(o.artifacts, request, caller);
  const nextVersion = Math.max(versionAtLeast, versionAfter(o.view, request.name));
  const profiled = yield* profile(
    o,
    request,
    { task, nextVersion, tenant: writerOf(caller)?.tenant ?? "" },
    signal,
  );
  for (const warning of profiled.warnings) o.logger.warn("registration", { model: request.name, warning });
  yield progress("record", `makes ${profiled.variants.length} variants known`);
  const result = await record(o, profiled, { task, caller });
  await o.placeInitially(result);
  yield { event: { case: "result", value: result } };
}

/** Before anything is profiled: the architecture and the task must be the caller's to change. */
function checkOwners({ catalog }: ClusterView, request: RegisterModelRequest, caller: Caller): void {
  const writer = writerOf(caller);
  const before = catalog.architectures.find((a) => a.name === request.name);
  if (before !== undefined) checkOwner(`architecture '${before.name}'`, before.owner, writer);
  const task = catalog.tasks.find((t) => t.name === (request.task || before?.task));
  if (task !== undefined) checkOwner(`task '${task.name}'`, task.owner, writer);
}

/** Before anything is profiled, as the registry would after it: a model stays with its task, and its names are its own. */
function checkNames({ catalog }: ClusterView, { name, aliases }: RegisterModelRequest, task: Task): void {
  const before = catalog.architectures.find((a) => a.name === name);
  if (before !== undefined && before.task !== task.name) {
    const both = `architecture '${name}' belongs to task '${before.task}', not '${task.name}'`;
    const sentence = `${both}; delete it first ('infaas delete ${name}'), or give it another name`;
    throw new ServiceError(Code.FAILED_PRECONDITION, sentence);
  }
  for (const each of [name, ...aliases]) {
    const owner = ownerOfName(catalog, each, name);
    if (owner === null) continue;
    throw new ServiceError(Code.ALREADY_EXISTS, `name '${each}' is taken by ${owner}; give it another`);
  }
}

/** What else has a name that an architecture is to have; null: nothing. */
function ownerOfName(catalog: ClusterView["catalog"], name: string, architecture: string): string | null {
  if (catalog.tasks.some((task) => task.name === name)) return "a task";
  const variant = catalog.wireVariants.find((v) => v.name === name && v.architecture !== architecture);
  if (variant !== undefined) return `a variant of architecture '${variant.architecture}'`;
  const other = catalog.architectures.find(
    (a) => a.name !== architecture && (a.name === name || a.aliases.includes(name)),
  );
  return other === undefined ? null : `architecture '${other.name}'`;
}

async function expectUploaded(
  artifacts: ClientOf<typeof ArtifactService>,
  { modelDigest, externalData }: RegisterModelRequest,
  caller: Caller,
): Promise<void> {
  const tenant = readerOf(caller);
  for (const digest of [modelDigest, ...externalData.map((file) => file.digest)]) {
    const { complete } = await artifacts.statArtifact(
      { digest, tenant },
      { timeoutMs: USER_CALL_TIMEOUT_MS },
    );
    if (complete) continue;
    throw new ServiceError(
      Code.FAILED_PRECONDITION,
      `model file ${digest} is not uploaded; upload it by ArtifactService first`,
    );
  }
}

/** The task that is asked for; without one that of an earlier registration, else one for this model alone, not recorded yet. */
function taskOf({ view }: RegistrationOptions, request: RegisterModelRequest): Task {
  const { tasks, architectures } = view.catalog;
  const before = architectures.find((a) => a.name === request.name)?.task;
  const name = request.task || before || `${ownTaskPrefix}${request.name}`;
  const task = tasks.find((t) => t.name === name);
  if (task !== undefined) return task;
  if (request.task === "")
    return create(TaskSchema, { name, metric: "accuracy", description: `what ${request.name} does` });
  const known = tasks.map((t) => t.name).join(", ");
  throw new ServiceError(
    Code.NOT_FOUND,
    `task '${name}' is not known; known: ${known === "" ? "none, put one first" : known}`,
  );
}

/** The task as this model must fit it: one that was made for it alone is whatever it is. */
function signedFor({ name }: RegisterModelRequest, task: Task, { catalog }: ClusterView): Task {
  const isAlone = catalog.architectures.every((a) => a.task !== task.name || a.name === name);
  if (!isOwnTask(task.name) || !isAlone) return task;
  const { signature: _, ...unsigned } = task;
  return unsigned;
}

function unchanged(view: ClusterView, request: RegisterModelRequest, task: Task): RegistrationResult | null {
  const architecture = view.catalog.architectures.find((a) => a.name === request.name);
  if (architecture === undefined || filesOf(architecture) !== filesOf(request)) return null;
  if (architecture.task !== task.name || !samePadding(architecture.padding, request.padding)) return null;
  // Without an adapter, that of before stands.
  if (request.adapter !== undefined && !sameAdapter(architecture.adapter, request.adapter)) return null;
  // What the owner says now of rows sharing batches may differ from what was found then.
  if (request.batchable !== undefined && request.batchable !== architecture.batchable) return null;
  if (!sameMapping(architecture.mapping, request.mapping)) return null;
  // Without examples, those of before stand.
  if (request.examples.length > 0 && exampleDigest(request) !== architecture.exampleDigest) return null;
  const variants = view.catalog.wireVariants.filter((v) => v.architecture === request.name);
  if (variants.length === 0 || variants.some((v) => !hasLimits(v, request))) return null;
  return {
    $typeName: "infaas.v1.RegistrationResult",
    architecture,
    variants,
    rejected: [],
    warnings: [],
    unchanged: true,
  };
}

/** Whether a variant's axes are limited as the request says; those that it leaves out are as they are. */
function hasLimits({ axisLimits }: Variant, { axisLimits: stated }: RegisterModelRequest): boolean {
  return Object.entries(stated).every(([name, max]) =>
    axisLimits.some((limit) => limit.stated && limit.max === max && axisNames(limit).includes(name)),
  );
}

function samePadding(a: Padding | undefined, b: Padding | undefined): boolean {
  return a === undefined || b === undefined ? a === b : equals(PaddingSchema, a, b);
}

function sameAdapter(a: Adapter | undefined, b: Adapter): boolean {
  return a !== undefined && equals(AdapterSchema, a, b);
}

/** Digest of the examples of a registration; empty where it has none. */
function exampleDigest({ examples }: RegisterModelRequest): string {
  if (examples.length === 0) return "";
  const files = examples.map((file) => toBinary(ExampleFileSchema, file));
  return digestOfBytes(Buffer.concat(files.map((bytes) => Buffer.from(digestOfBytes(bytes)))));
}

/** Returns a text that is the same for the same files. */
export function filesOf({
  modelDigest,
  externalData,
}: Pick<RegisterModelRequest, "modelDigest" | "externalData">): string {
  return [modelDigest, ...externalData.map(({ name, digest }) => `${name} ${digest}`)].join("\n");
}

/** Of the executors with most kinds of devices, which measure variants for all of them, the least busy one. */
function leastBusy(view: ClusterView): LiveExecutor {
  const working = [...view.executors.values()].filter((e) => e.accepting);
  const most = Math.max(...working.map(({ deviceKinds }) => deviceKinds.length));
  const accepting = working.filter(({ deviceKinds }) => deviceKinds.length === most);
  const [first, ...rest] = accepting;
  if (first === undefined) {
    throw new ServiceError(Code.UNAVAILABLE, "no executor takes work; variants are profiled on one");
  }
  return rest.reduce((best, e) => (e.utilisation < best.utilisation ? e : best), first);
}

/** What the registry will give this file; only names of variants depend on it, the registry has the last word. */
function versionAfter(view: ClusterView, name: string): number {
  return (view.catalog.architectures.find((a) => a.name === name)?.version ?? 0) + 1;
}

async function* profile(
  { view, dial, holdHost }: RegistrationOptions,
  request: RegisterModelRequest,
  { task, nextVersion, tenant }: { task: Task; nextVersion: number; tenant: string },
  signal: AbortSignal,
): AsyncGenerator<Event, RegistrationResult> {
  const held = await holdHost(request.name, signal);
  try {
    const executor = leastBusy(view);
    const order = orderOf(request, { task, nextVersion, tenant });
    return yield* profileOn(executor, { order, dial, signal });
  } finally {
    held.release();
  }
}

/** What an executor is asked to profile. */
function orderOf(
  request: RegisterModelRequest,
  { task, nextVersion, tenant }: { task: Task; nextVersion: number; tenant: string },
): ProfileOrder {
  const { name, modelDigest, externalData, description, aliases } = request;
  const { accuracyTolerance, declaredAccuracy, padding, adapter, mapping } = request;
  const architecture = {
    name,
    task: task.name,
    version: nextVersion,
    modelDigest,
    externalData,
    description,
    aliases,
    mapping,
    exampleDigest: exampleDigest(request),
    accuracyTolerance: accuracyTolerance ?? TOLERANCE_DEFAULT,
    ...(declaredAccuracy === undefined ? {} : { declaredAccuracy }),
    ...(padding === undefined ? {} : { padding }),
    ...(adapter === undefined ? {} : { adapter }),
  };
  const { retry, axisSizes, axisLimits, batchable, examples } = request;
  const stated = batchable === undefined ? {} : { statedBatchable: batchable };
  return { architecture, task, retry, axisSizes, axisLimits, examples, tenant, ...stated };
}

async function* profileOn(
  { name, facts }: LiveExecutor,
  o: { readonly order: ProfileOrder; readonly dial: DialSecurity; readonly signal: AbortSignal },
): AsyncGenerator<Event, RegistrationResult> {
  const { order, dial, signal } = o;
  const execution = createRpcClient(ExecutionService, facts.address, { dial });
  try {
    for await (const { event } of execution.profileModel(order, { signal })) {
      if (event.case === "progress") yield { event };
      if (event.case === "result") return event.value;
    }
  } finally {
    execution.close();
  }
  throw new ServiceError(Code.UNAVAILABLE, `executor ${name} ended profiling without a result`);
}

/** Records what was profiled. A task that is made for it goes again when that fails, unless a model is registered under it by then. */
async function record(
  { registry, view }: RegistrationOptions,
  profiled: RegistrationResult,
  { task, caller }: { readonly task: Task; readonly caller: Caller },
): Promise<RegistrationResult> {
  const { architecture } = profiled;
  if (architecture === undefined || profiled.variants.length === 0) {
    const reasons = profiled.rejected.map((r) => `${r.name}: ${r.reason}`).join("; ");
    throw new ServiceError(
      Code.FAILED_PRECONDITION,
      `no variant could be made${reasons === "" ? "" : `: ${reasons}`}`,
    );
  }
  const acting = actingFor(caller);
  const limit = { timeoutMs: USER_CALL_TIMEOUT_MS };
  const isNew = view.catalog.tasks.every((known) => known.name !== task.name);
  if (isNew) await registry.putTaskRecord({ task, ...acting }, limit);
  try {
    const put = await registry.putArchitecture({ architecture, ...acting }, limit);
    const recorded = put.architecture ?? architecture;
    const { name, version } = recorded;
    const variants = profiled.variants.map((v) => ofVersion(v, architecture, version));
    await registry.putVariants({ architecture: name, version, variants, ...acting }, limit);
    return { ...profiled, architecture: recorded, variants };
  } catch (error) {
    // Refused while a model is registered under it, by this call or another.
    if (isNew) await registry.deleteRecords({ name: task.name, ...acting }, limit).catch(() => undefined);
    throw error;
  }
}

/** Another registration may have taken the version that variants were named after. */
function ofVersion(variant: Variant, { name, version }: Architecture, recorded: number): Variant {
  const before = `${name}.v${version}.`;
  const isNamed = variant.name.startsWith(before);
  const rest = variant.name.slice(before.length);
  return {
    ...variant,
    version: recorded,
    name: isNamed ? `${name}.v${recorded}.${rest}` : variant.name,
  };
}

function progress(stage: string, message: string): Event {
  return { event: { case: "progress", value: { stage, message, done: 0, total: 1 } } };
}
