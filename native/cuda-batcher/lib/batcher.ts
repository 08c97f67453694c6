import type { BatcherStats } from "./batcher-stats";
import { type RequestRules, requestFault } from "./check-request";
import { answer, Deliveries } from "./deliveries";
import { submitCode } from "./delivery-layout";
import { atEndOfTurn } from "./end-of-turn";
import { LinkService } from "./link-service";
import { type BatcherHandle, type ModelHandle, type NativeBatcherOptions, native } from "./native";
import { NativeError } from "./native-error";
import { batcherOptions, coreWeight, modelOptions, type OpenOptions } from "./open-options";
import type { Done, Pending } from "./pending";
import type { Result } from "./result";
import { type TensorInfo, toTensorInfo } from "./tensor-info";

/** What can take a request back: an AbortSignal, or something cheaper that does the same. */
export interface CancelSignal {
  readonly aborted: boolean;
  addEventListener(type: "abort", listener: () => void, options?: { once: boolean }): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** What a request asks for besides its inputs. */
export interface SubmitOptions {
  /** Rows its tensors have along the batch axis; 1 for a model without one. */
  readonly rows: number;
  /** Full dims of each input; needed when the model leaves more than the batch axis open, or takes strings. */
  readonly dims?: readonly (readonly number[])[];
  /**
   * Which of `Batcher.optionalInputs` stand behind the model's own in `inputs` and `dims`; default none. A request that has
   * any runs by itself, all its rows at once.
   */
  readonly optional?: readonly number[];
  /** Priority, 0 first; default 0. */
  readonly lane?: number;
  /** Time left for the answer, in ms; refused or shed with DEADLINE when it cannot be met; default no limit. */
  readonly timeoutMs?: number;
  /** Aborting takes the request out of the queue, or drops its answer when it already runs. */
  readonly signal?: CancelSignal;
  /** Most rows of the batch it may be part of; default the batcher's. */
  readonly maxBatch?: number;
  /** It shares no batch, and runs the same way each time. Default false. */
  readonly alone?: boolean;
}

/** A loaded model behind a queue that forms batches. */
export interface Batcher {
  readonly inputs: readonly TensorInfo[];
  /** Inputs with a default in the file, at most 64; a file that lists more lists its weights, and none is offered. */
  readonly optionalInputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /** Whether the first axis of every input is a batch axis, so that requests count their rows. */
  readonly batchable: boolean;
  /**
   * Why requests do not share batches: what the model declares or how it was opened; or, found out later, an output whose
   * first axis is not the batch, whatever was declared. Undefined while they do.
   */
  readonly unbatchedReason: string | undefined;
  readonly maxBatch: number;
  /**
   * Runs a request in a batch. `inputs` are raw bytes in the model's order; they are read in place, so they must not be
   * changed, transferred or shrunk until the answer. Strings lie one after another, each behind its length in bytes as a
   * little-endian uint32. Never throws; rejects with NativeError.
   */
  submit(inputs: readonly Uint8Array[], options: SubmitOptions): Promise<Result>;
  /**
   * As `submit`, without a promise: `done` is called once, unless the request is refused at once and the refusal is
   * returned. What `done` throws becomes an uncaught exception.
   */
  submitWith(inputs: readonly Uint8Array[], options: SubmitOptions, done: Done): NativeError | undefined;
  /** Its queries that come from links. */
  readonly links: LinkService;
  readonly queuedRows: number;
  readonly runningRows: number;
  /** Predicted time until all that is queued and running is done, in ms. */
  drainTimeMs(): number;
  /** How long a run that was asked to end has gone on since, in ms; 0: there is none. */
  unresponsiveMs(): number;
  stats(): BatcherStats;
  /**
   * Sets its share of the host's cores in times of others', where there are not enough (`OpenOptions.cores`).
   * @throws NativeError INVALID for a weight out of range.
   */
  setWeight(weight: number): void;
  /** Gives back what past runs left in the memory that the engine keeps for later ones; runs may go on meanwhile. */
  trim(): Promise<void>;
  /** Resolves when nothing is queued or running, of links neither; new requests are still taken. */
  drain(): Promise<void>;
  /**
   * Refuses new requests and those queued with CLOSED, lets running batches end, frees the model. Idempotent. Lent
   * outputs stay valid until they are released.
   */
  close(): Promise<void>;
}

/** Loads a model and opens its queue. Rejects with NativeError: INVALID for bad options, ENGINE when it can't be loaded. */
export async function openBatcher(options: OpenOptions): Promise<Batcher> {
  const addon = native();
  const model = await load(options);
  const described = addon.describe(model);
  const inputs = tensors(described.inputs);
  const outputs = tensors(described.outputs);
  const optionalInputs = tensors(described.optionals);
  const resolved = batcherOptions(options, described.batchable);
  await warmUp(model, inputs);
  const numbers = new Float64Array(addon.deliveryNumbersMax(resolved, outputs.length));
  const deliveries = new Deliveries(numbers, described.batchable);
  const handle = addon.open(model, resolved, numbers, deliveries.onBatch);
  deliveries.attach(handle);
  return new OpenBatcher(handle, deliveries, {
    inputs,
    optionalInputs,
    outputs,
    batchable: described.batchable,
    resolved,
  });
}

async function load(options: OpenOptions): Promise<ModelHandle> {
  const checked = modelOptions(options);
  batcherOptions(options, true);
  return native()
    .load(checked)
    .catch((error: Error) => {
      throw new NativeError("ENGINE", error.message);
    });
}

/**
 * One run that does not count, over zeros: an engine's first run sets things up, and would teach the batcher that every
 * run is so slow. Left out where the model's dims are open, and where zeros may say how much is computed: an engine hangs in
 * DFT over axis 0. What it fails with is left to the requests to meet.
 */
async function warmUp(model: ModelHandle, inputs: readonly TensorInfo[]): Promise<void> {
  if (inputs.some(({ dtype, itemBytes }) => dtype === "string" || itemBytes < 0)) return;
  if (inputs.some(maySaySizes)) return;
  await native().warmUp(model);
}

/** Integers of at most one axis: axes, sizes, counts, and now and then the ids of a batch. */
function maySaySizes({ dtype, dims }: TensorInfo): boolean {
  return /int/.test(dtype) && (dims?.length ?? 0) < 2;
}

function tensors(described: Parameters<typeof toTensorInfo>[0][]): TensorInfo[] {
  return described.map((tensor) => {
    const known = toTensorInfo(tensor);
    if (known !== undefined) return known;
    throw new NativeError(
      "INVALID",
      `tensor '${tensor.name}' has ONNX element type ${tensor.dtype}, which is not supported`,
    );
  });
}

interface Description {
  readonly inputs: readonly TensorInfo[];
  readonly optionalInputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly batchable: boolean;
  readonly resolved: NativeBatcherOptions;
}

class OpenBatcher implements Batcher {
  readonly inputs: readonly TensorInfo[];
  readonly optionalInputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly batchable: boolean;
  readonly maxBatch: number;
  readonly links: LinkService;
  private readonly handle: BatcherHandle;
  private readonly deliveries: Deliveries;
  private readonly rules: RequestRules;
  private readonly limits: NativeBatcherOptions;
  private readonly needsDims: boolean;
  /** Some input does not say how many axes it has: every request runs by itself. */
  private readonly anyRank: boolean;
  private wakes = false;
  private ended: Promise<void> | undefined;
  private lastStats: BatcherStats | undefined;

  constructor(handle: BatcherHandle, deliveries: Deliveries, description: Description) {
    this.inputs = description.inputs;
    this.optionalInputs = description.optionalInputs;
    this.outputs = description.outputs;
    this.batchable = description.batchable;
    this.maxBatch = description.resolved.maxBatch;
    this.limits = description.resolved;
    this.needsDims = description.inputs.some((input) => input.itemBytes < 0);
    this.anyRank = description.inputs.some((input) => input.dims === null);
    const { inputs, optionalInputs, batchable, maxBatch } = this;
    this.rules = { inputs, optionalInputs, batchable, maxBatch };
    this.handle = handle;
    this.links = new LinkService(handle);
    this.deliveries = deliveries;
    forgotten.register(this, { handle, deliveries }, this);
  }

  submit(inputs: readonly Uint8Array[], options: SubmitOptions): Promise<Result> {
    return new Promise((resolve, reject) => {
      const refused = this.submitWith(inputs, options, (error, result) => {
        if (result === null) reject(error);
        else resolve(result);
      });
      if (refused !== undefined) reject(refused);
    });
  }

  submitWith(inputs: readonly Uint8Array[], options: SubmitOptions, done: Done): NativeError | undefined {
    const { rows, signal, dims, optional } = options;
    if (this.ended !== undefined) return new NativeError("CLOSED", "the batcher is closed");
    const fault = requestFault(this.rules, { inputs, rows, dims, optional });
    if (fault !== undefined) return new NativeError("INVALID", fault);
    if (signal?.aborted)
      return new NativeError("CANCELLED", "the request was cancelled before it was submitted");
    const { pending } = this.deliveries;
    const ticket = pending.nextTicket();
    const ownForm = this.anyRank || (optional !== undefined && optional.length > 0);
    const code = native().submit(
      this.handle,
      ticket,
      rows,
      options.lane ?? 0,
      options.timeoutMs === undefined ? -1 : Math.max(options.timeoutMs, 0),
      options.alone === true ? 0 : Math.max(options.maxBatch ?? this.maxBatch, rows),
      this.needsDims || ownForm ? Float64Array.from(dims!.flat()) : null,
      inputs,
      ownForm ? Int32Array.from(dims!, ({ length }) => length) : null,
      ownForm ? Int32Array.from(optional ?? []) : null,
    );
    if (code !== submitCode.accepted) return this.refusal(code, inputs, options);
    const request: Pending = { inputs, done, unlisten: undefined, answered: false };
    pending.add(request);
    if (signal !== undefined) this.listen(signal, ticket, request);
    this.wakeSoon();
    return undefined;
  }

  private refusal(
    code: number,
    inputs: readonly Uint8Array[],
    { rows, timeoutMs }: SubmitOptions,
  ): NativeError {
    if (code === submitCode.full) {
      const { queueRowsMax, queueBytesMax } = this.limits;
      const bytes = inputs.reduce((sum, input) => sum + input.byteLength, 0);
      return new NativeError(
        "FULL",
        `the queue has no room for ${rows} rows of ${bytes} bytes, it holds ${queueRowsMax} rows and ${queueBytesMax} bytes`,
      );
    }
    if (code === submitCode.deadline) {
      const soonestMs = native().soonestMs(this.handle, rows).toFixed(1);
      return new NativeError(
        "DEADLINE",
        `the request can't be answered within ${timeoutMs} ms, it would take ${soonestMs} ms`,
      );
    }
    return new NativeError("CLOSED", "the batcher is closed");
  }

  private listen(signal: CancelSignal, ticket: number, request: Pending): void {
    const onAbort = () => {
      if (request.answered) return;
      const { pending } = this.deliveries;
      if (native().cancel(this.handle, ticket)) pending.take(ticket);
      answer(request, new NativeError("CANCELLED", "the request was cancelled"), null);
      pending.settle();
    };
    signal.addEventListener("abort", onAbort, { once: true });
    request.unlisten = () => signal.removeEventListener("abort", onAbort);
  }

  /** One wake-up for all requests of this turn, so that they become one batch. */
  private wakeSoon(): void {
    if (this.wakes) return;
    this.wakes = true;
    atEndOfTurn(() => {
      this.wakes = false;
      if (this.lastStats === undefined) native().wake(this.handle);
    });
  }

  get unbatchedReason(): string | undefined {
    const reason = this.lastStats === undefined ? native().unbatchedReason(this.handle) : "";
    return reason === "" ? undefined : reason;
  }

  get queuedRows(): number {
    return this.lastStats === undefined ? native().queuedRows(this.handle) : 0;
  }

  get runningRows(): number {
    return this.lastStats === undefined ? native().runningRows(this.handle) : 0;
  }

  unresponsiveMs(): number {
    return this.lastStats === undefined ? native().unresponsiveMs(this.handle) : 0;
  }

  drainTimeMs(): number {
    return this.lastStats === undefined ? native().drainTimeMs(this.handle) : 0;
  }

  stats(): BatcherStats {
    return this.lastStats ?? native().stats(this.handle);
  }

  setWeight(weight: number): void {
    if (this.lastStats === undefined) native().setWeight(this.handle, coreWeight(weight));
  }

  async trim(): Promise<void> {
    if (this.lastStats === undefined) await native().trim(this.handle);
  }

  drain(): Promise<void> {
    return this.deliveries.pending.idle();
  }

  close(): Promise<void> {
    this.ended ??= this.finish();
    return this.ended;
  }

  private async finish(): Promise<void> {
    forgotten.unregister(this);
    await native().stop(this.handle);
    await this.deliveries.pending.idle();
    this.lastStats = native().stats(this.handle);
    this.links.retire();
    this.deliveries.whenLeasesBack(() => native().dispose(this.handle));
  }
}

/** Batchers dropped without close(): their requests are still answered, then the model is freed. */
const forgotten = new FinalizationRegistry<{ handle: BatcherHandle; deliveries: Deliveries }>(
  async ({ handle, deliveries }) => {
    await deliveries.pending.idle();
    await native().stop(handle);
    deliveries.whenLeasesBack(() => native().dispose(handle));
  },
);
