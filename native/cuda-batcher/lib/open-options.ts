import { type KernelPlan, nativePlan } from "./kernel-plan";
import type { NativeBatcherOptions, NativeModelOptions } from "./native";
import { onnxruntimeLibrary } from "./native";
import { NativeError } from "./native-error";

/** How a model is opened; what is absent takes the default stated. */
export interface OpenOptions {
  /** Path of the .onnx file. */
  readonly path: string;
  /**
   * The plan that the kernel module runs in place of the file, and the device: `host`, or `cuda:` and a number. Default: the
   * file runs in ONNX Runtime on the CPU.
   */
  readonly kernels?: { readonly device: string; readonly plan: KernelPlan };
  /** Engine threads, that is batches that run at a time; all share one copy of the weights. */
  readonly instances: number;
  /** Threads one batch may use inside the engine. */
  readonly intraOpThreads: number;
  /** Most rows of a batch; becomes 1 for a model without a batch axis. */
  readonly maxBatch: number;
  /**
   * Whether requests may share a batch. Default `declared`: when the first axis of every input and output is declared the
   * same dynamic axis. `inputs`: when that of every input is, whatever is declared of the outputs; opening fails when it is
   * not. `never`: tensors run as they come, one request at a time.
   */
  readonly batching?: NativeModelOptions["batching"];
  /** Longest a request is held for company, in ms; default 0: on a CPU waiting rarely pays. */
  readonly maxQueueDelayMs?: number;
  /** Most rows waiting before FULL; default 64 full batches per engine thread, at least 1024. */
  readonly queueRowsMax?: number;
  /** Most input bytes waiting before FULL; default 256 MiB. */
  readonly queueBytesMax?: number;
  /** Profiled latency of 1, 2, ... rows in ms, or pairs [rows, ms]; without it the batcher learns from its first batches. */
  readonly latencyMs?: readonly number[] | readonly (readonly [rows: number, latencyMs: number])[];
  /** Allowed batch sizes, rising: batches are padded up to the next with rows of zeros; default any size. */
  readonly preferredBatchSizes?: readonly number[];
  /**
   * Sizes at which a batch is run at once, and of which the largest is the most it grows to (a single larger request is run
   * as it is); between them it is held up to maxQueueDelayMs. Default: both are judged by latency.
   */
  readonly closeAtRows?: readonly number[];
  /**
   * Where runs are written down while they are under way (`readRunJournal`): a file, and the place of the first engine
   * thread in it; the others follow. Default: nowhere.
   */
  readonly journal?: { readonly path: string; readonly firstSlot: number };
  /**
   * Path of the gate that shares a host's cores out (`CoreGate`): a batch takes `intraOpThreads` of them before it is closed. `weight`:
   * share of them in times of others', where there are not enough; default 1. `idleWork`: its batches leave the cores to
   * others, but for a tenth of the time; default false. Default: no gate, batches run whenever an engine thread is idle.
   */
  readonly cores?: { readonly gate: string; readonly weight?: number; readonly idleWork?: boolean };
  /**
   * Runs requests that shared a batch again alone, now and then and when an engine has nothing else to do, and ends batching when
   * an answer is another one then. `tolerance`: largest difference, relative to the largest magnitude of an output where
   * that is above 1. `proven`: rows are known to keep apart, so that it takes two such answers among a hundred. Default: nothing is
   * run again.
   */
  readonly recheck?: { readonly tolerance: number; readonly proven: boolean };
  /** Whether answers say how much CPU time the engine thread took for their run; default false. */
  readonly cpuTimes?: boolean;
  /** Priorities; lane 0 is served first; default 3. */
  readonly lanes?: number;
}

const queueBatchesDefault = 64;
const queueRowsDefaultMin = 1024;
const queueBytesDefault = 256 * 1024 * 1024;
const lanesDefault = 3;
/** Wait after which lane n is let in now and then although lower lanes have work: n times this. */
const ageingMs = 250;

const maxBatchLimit = 4096;
/** Most threads of a batch, and most cores of a host. */
export const threadsLimit = 1024;
const weightMin = 0.01;
const weightMax = 100;
/** A journal of 1 GiB. */
const JOURNAL_SLOTS_MAX = 1_048_576;

/** What the add-on needs to load the model; throws NativeError INVALID for a value out of range. */
export function modelOptions(
  options: Pick<OpenOptions, "path" | "intraOpThreads" | "instances" | "batching" | "kernels">,
): NativeModelOptions {
  return {
    path: options.path,
    library: onnxruntimeLibrary(),
    intraOpThreads: whole("intraOpThreads", options.intraOpThreads, 1, threadsLimit),
    instances: whole("instances", options.instances, 1, threadsLimit),
    batching: options.batching ?? "declared",
    kernels: kernelsOf(options),
  };
}

function kernelsOf({ kernels }: Pick<OpenOptions, "kernels">): NativeModelOptions["kernels"] {
  return kernels === undefined ? null : { device: kernels.device, ...nativePlan(kernels.plan) };
}

/** What the add-on needs to open the batcher; throws NativeError INVALID for a value out of range. */
export function batcherOptions(options: OpenOptions, batchable: boolean): NativeBatcherOptions {
  const instances = whole("instances", options.instances, 1, threadsLimit);
  const asked = whole("maxBatch", options.maxBatch, 1, maxBatchLimit);
  const maxBatch = batchable ? asked : 1;
  const rowsDefault = Math.max(queueRowsDefaultMin, queueBatchesDefault * maxBatch * instances);
  return {
    instances,
    maxBatch,
    maxQueueDelayMs: positive("maxQueueDelayMs", options.maxQueueDelayMs ?? 0),
    queueRowsMax: whole("queueRowsMax", options.queueRowsMax ?? rowsDefault, 1, Number.MAX_SAFE_INTEGER),
    queueBytesMax: whole(
      "queueBytesMax",
      options.queueBytesMax ?? queueBytesDefault,
      1,
      Number.MAX_SAFE_INTEGER,
    ),
    lanes: whole("lanes", options.lanes ?? lanesDefault, 1, 64),
    ageingMs,
    latencyMs: options.latencyMs === undefined ? null : seed(options.latencyMs, maxBatch),
    preferredBatchSizes:
      options.preferredBatchSizes === undefined
        ? null
        : sizes("preferredBatchSizes", options.preferredBatchSizes, maxBatch),
    journalPath: options.journal?.path ?? "",
    journalSlot: whole("journal.firstSlot", options.journal?.firstSlot ?? 0, 0, JOURNAL_SLOTS_MAX),
    coreGate: options.cores?.gate ?? "",
    coreWeight: coreWeight(options.cores?.weight ?? 1),
    coreIdleWork: options.cores?.idleWork ?? false,
    threads: options.intraOpThreads,
    recheckTolerance:
      options.recheck === undefined ? -1 : positive("recheck.tolerance", options.recheck.tolerance),
    proven: options.recheck?.proven ?? false,
    cpuTimes: options.cpuTimes ?? false,
    closeAtRows:
      options.closeAtRows === undefined ? null : sizes("closeAtRows", options.closeAtRows, maxBatch),
  };
}

/** The weight, if it is one; throws NativeError INVALID for a value out of range. */
export function coreWeight(weight: number): number {
  if (weight >= weightMin && weight <= weightMax) return weight;
  throw new NativeError(
    "INVALID",
    `weight is ${weight}, allowed are numbers from ${weightMin} to ${weightMax}`,
  );
}

function seed(latencyMs: NonNullable<OpenOptions["latencyMs"]>, maxBatch: number): Float64Array {
  const table = new Float64Array(maxBatch).fill(Number.NaN);
  latencyMs.forEach((entry, index) => {
    const [rows, ms] = typeof entry === "number" ? [index + 1, entry] : entry;
    whole("rows in latencyMs", rows, 1, maxBatchLimit);
    if (rows <= maxBatch) table[rows - 1] = positive(`latencyMs of ${rows} rows`, ms);
  });
  return table;
}

function sizes(name: string, given: readonly number[], maxBatch: number): Int32Array {
  const rising = [...given].sort((a, b) => a - b);
  for (const size of rising) whole(name, size, 1, maxBatch);
  return Int32Array.from(rising);
}

function whole(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new NativeError("INVALID", `${name} is ${value}, allowed are whole numbers from ${least} to ${most}`);
}

function positive(name: string, value: number): number {
  if (Number.isFinite(value) && value >= 0) return value;
  throw new NativeError("INVALID", `${name} is ${value}, allowed are numbers from 0`);
}
