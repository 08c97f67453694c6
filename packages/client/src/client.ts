import { fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type AdapterSchema,
  ArtifactService,
  CatalogService,
  type DeleteResponse,
  type ExplainResponse,
  type FreezePlanResponse,
  type GetPlanResponse,
  type GetStatusResponse,
  InferenceService,
  type ListChangesResponse,
  type ListModelsResponse,
  type PaddingSchema,
  type Refusal,
  RefusalSchema,
  type RegistrationProgress,
  type RegistrationResult,
  type Task,
  type TaskSchema,
  type TensorMappingSchema,
} from "@infaas/api";
import { ArtifactClient } from "@infaas/cluster";
import { Code, createRpcClient, type DialOptions, dialWith, ServiceError } from "@infaas/runtime";
import { type Answer, answerOf } from "./answer";
import { type Example, exampleFilesOf } from "./examples";
import { type JobClient, openJobClient } from "./jobs";
import { externalFilesOf } from "./model-files";
import { modelNameOf } from "./model-name";
import { type Requirements, sloOf } from "./requirements";
import type { Tensor } from "./tensor";

/** One model file to offer; the file is enough. */
export interface Registration {
  /** Path of the ONNX file; files that it takes weights from are found beside it and go with it. */
  readonly path: string;
  /** Default: the file's name in the letters that a name may have. */
  readonly name?: string;
  /**
   * A task that exists. Default: the one it was registered under before, else `model/<name>`, which is made.
   */
  readonly task?: string;
  readonly description?: string;
  /** Largest accuracy loss a derived precision may have. Default 0.01. */
  readonly accuracyTolerance?: number;
  /** Used only where the task has no validation set. */
  readonly declaredAccuracy?: number;
  readonly aliases?: readonly string[];
  /**
   * Try a file again that crashed, hung or ate memory a short while ago, or that is registered already.
   * Default false.
   */
  readonly retry?: boolean;
  /** What you know of rows sharing a batch; default: it is found out by running them alone and together. */
  readonly batchable?: boolean;
  /**
   * Sizes of free axes to measure with, by the axis's name in the file or `input.axis`; the others are found
   * out.
   */
  readonly axisSizes?: Readonly<Record<string, number>>;
  /**
   * Largest sizes of free axes that requests may have, named in the same way; default: as large as the memory that was measured
   * allows.
   */
  readonly axisLimits?: Readonly<Record<string, number>>;
  /**
   * How requests of different length may be made one shape, so that they share batches; default: they are
   * not.
   */
  readonly padding?: MessageInitShape<typeof PaddingSchema>;
  /** What makes its tensors of pictures or texts; default: as its task says, where it takes such a tensor. */
  readonly adapter?: MessageInitShape<typeof AdapterSchema>;
  /** Inputs that the model answers, for it to be measured with; default: they are found out. */
  readonly examples?: readonly Example[];
  /** How tensors of the file become those of its task, see `mappingFromText`; tensors of equal name need none. */
  readonly mapping?: readonly MessageInitShape<typeof TensorMappingSchema>[];
}

/**
 * TLS and token of a connection: PEM of the authorities that vouch for the frontend, own certificate, bearer
 * token.
 */
export type ConnectOptions = DialOptions;

/** How one query is sent. */
export interface QueryOptions {
  readonly id?: string;
  readonly explain?: boolean;
  /** gRPC deadline; shorter than the latency objective it wins. Default 60 s. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** W3C Trace Context of the caller's span, which the trace of the query goes on from; default: none. */
  readonly traceparent?: string;
}

/**
 * A connection to one INFaaS frontend. Every method rejects with `ServiceError`, which carries the gRPC code.
 */
export interface InfaasClient {
  /** Answers by requirement; `target` is a task, an architecture or a variant. */
  query(target: string, inputs: readonly Tensor[], needs?: Requirements, o?: QueryOptions): Promise<Answer>;
  /** Which variant a query would get now, and why. */
  explain(target: string, needs?: Requirements, rows?: number): Promise<ExplainResponse>;
  /**
   * Creates or replaces a task. Made of a listing, it is given with the listing's `revision`: ABORTED when the
   * task changed since, so that nothing another changed is undone; list again then.
   */
  putTask(task: MessageInitShape<typeof TaskSchema>, readRevision?: bigint): Promise<Task>;
  /** Uploads the file if needed, then has its variants generated and profiled. */
  register(r: Registration, onProgress?: (p: RegistrationProgress) => void): Promise<RegistrationResult>;
  /** Uploads a file by content; returns its digest. */
  upload(path: string): Promise<string>;
  listModels(task?: string): Promise<ListModelsResponse>;
  status(): Promise<GetStatusResponse>;
  /** What changed lately, and why: of one host, variant or architecture, or of all. */
  changes(subject?: string): Promise<ListChangesResponse>;
  /** What the leader would do now about hosts and instances; FAILED_PRECONDITION names who leads where it is another. */
  plan(): Promise<GetPlanResponse>;
  /** Stops carrying out what is planned, or goes on with it. */
  freezePlan(frozen: boolean): Promise<FreezePlanResponse>;
  /** Takes an executor out of service once its queue is empty. */
  drain(executor: string): Promise<void>;
  /** Puts a drained executor back into service. */
  undrain(executor: string): Promise<void>;
  /**
   * Deletes the task, the model with all its versions, or the one variant of this name; with `withModels` a task goes
   * with every model registered under it. Resolves with the names of what is gone.
   */
  delete(name: string, o?: { readonly withModels?: boolean }): Promise<DeleteResponse>;
  /** Offline queries: rows of a file, answered while online queries leave room. */
  readonly jobs: Omit<JobClient, "close">;
  close(): void;
}

/** Profiling a large model takes minutes; a registration that is silent for longer than this is lost. */
const REGISTRATION_TIMEOUT_MS = 30 * 60_000;
const QUERY_TIMEOUT_MS = 60_000;
/** Everything else is answered from memory or by one call to metadata. */
const CATALOG_TIMEOUT_MS = 30_000;

/**
 * Opens a client to the frontend at `address` (`host:port`); in the clear and without a token unless
 * `connect` says so.
 */
export function createInfaasClient(address: string, connect: ConnectOptions = {}): InfaasClient {
  const dial = dialWith(connect);
  const inference = createRpcClient(InferenceService, address, { defaultTimeoutMs: QUERY_TIMEOUT_MS, dial });
  const catalog = createRpcClient(CatalogService, address, { defaultTimeoutMs: CATALOG_TIMEOUT_MS, dial });
  const artifacts = createRpcClient(ArtifactService, address, { dial });
  const files = new ArtifactClient(artifacts);
  const jobs = openJobClient(address, dial, files);

  async function query(
    target: string,
    inputs: readonly Tensor[],
    needs: Requirements = {},
    o: QueryOptions = {},
  ) {
    const response = await inference.query(
      {
        target,
        slo: sloOf(needs),
        inputs: inputs.map(({ name, datatype, shape }) => ({ name, datatype, shape: shape.map(BigInt) })),
        rawInputContents: inputs.map((input) => input.bytes),
        id: o.id ?? "",
        explain: o.explain ?? false,
      },
      {
        timeoutMs: o.timeoutMs ?? QUERY_TIMEOUT_MS,
        ...(o.signal === undefined ? {} : { signal: o.signal }),
        ...(o.traceparent === undefined ? {} : { metadata: { traceparent: o.traceparent } }),
      },
    );
    return answerOf(response);
  }

  async function register(r: Registration, onProgress: (p: RegistrationProgress) => void = () => {}) {
    const name = r.name ?? modelNameOf(r.path);
    const examples = await exampleFilesOf(r.examples ?? []);
    const externalData: { name: string; digest: string }[] = [];
    for (const file of await externalFilesOf(r.path))
      externalData.push({ name: file.name, digest: await files.uploadFile(file.path) });
    const modelDigest = await files.uploadFile(r.path);
    const events = catalog.registerModel(
      {
        name,
        task: r.task ?? "",
        modelDigest,
        externalData,
        description: r.description ?? "",
        aliases: [...(r.aliases ?? [])],
        retry: r.retry ?? false,
        axisSizes: { ...r.axisSizes },
        axisLimits: Object.fromEntries(
          Object.entries(r.axisLimits ?? {}).map(([name, size]) => [name, BigInt(size)]),
        ),
        mapping: [...(r.mapping ?? [])],
        examples,
        ...(r.batchable === undefined ? {} : { batchable: r.batchable }),
        ...(r.padding === undefined ? {} : { padding: r.padding }),
        ...(r.adapter === undefined ? {} : { adapter: r.adapter }),
        ...(r.accuracyTolerance === undefined ? {} : { accuracyTolerance: r.accuracyTolerance }),
        ...(r.declaredAccuracy === undefined ? {} : { declaredAccuracy: r.declaredAccuracy }),
      },
      { timeoutMs: REGISTRATION_TIMEOUT_MS },
    );
    for await (const { event } of events) {
      if (event.case === "progress") onProgress(event.value);
      if (event.case === "result") return event.value;
    }
    throw new ServiceError(Code.UNAVAILABLE, `registration of '${name}' ended without a result`);
  }

  async function putTask(task: MessageInitShape<typeof TaskSchema>, readRevision = 0n) {
    const response = await catalog.putTask({ task, readRevision });
    if (response.task === undefined)
      throw new ServiceError(Code.INTERNAL, "putTask answered without the task: this is a bug");
    return response.task;
  }

  return {
    query,
    register,
    putTask,
    explain: (target, needs = {}, rows = 1) => inference.explain({ target, slo: sloOf(needs), rows }),
    upload: (path) => files.uploadFile(path),
    listModels: (task = "") => catalog.listModels({ task }),
    status: () => catalog.getStatus({}),
    changes: (subject = "") => catalog.listChanges({ subject }),
    plan: () => catalog.getPlan({}),
    freezePlan: (frozen) => catalog.freezePlan({ frozen }),
    drain: async (executor) => {
      await catalog.drainExecutor({ executor });
    },
    undrain: async (executor) => {
      await catalog.undrainExecutor({ executor });
    },
    delete: (name, { withModels = false } = {}) => catalog.delete({ name, withModels }),
    jobs,
    close: () => {
      for (const client of [inference, catalog, artifacts, jobs]) client.close();
    },
  };
}

/**
 * The refusal with its offers, when a query was refused for its requirements; undefined for any other
 * failure.
 */
export function refusalOf(error: unknown): Refusal | undefined {
  const detail = ServiceError.from(error).details.find((d) => d.typeName === RefusalSchema.typeName);
  return detail === undefined ? undefined : fromBinary(RefusalSchema, detail.value);
}
