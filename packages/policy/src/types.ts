/**
 * The nouns every decision is made of. Units: milliseconds as doubles, bytes, US dollars per hour, queries
 * per second, accuracy in the task's own metric (0..1). Source: INFaaS (ATC '21) section 3;
 * `docs/glossary.md`.
 */

/** Kind of device a variant runs on; `host` is one made of the CPU, for development. */
export type DeviceKind = "cpu" | "cuda" | "host";

/** Number format the variant computes in. */
export type Precision = "fp32" | "fp16" | "int8";

/**
 * What to optimise among the variants that meet every stated requirement: price, accuracy, or predicted
 * completion.
 */
export type Objective = "min-cost" | "max-accuracy" | "min-latency";

/** Measured latency of one batch of `batch` items, engine only (no queue, no network). */
export interface BatchLatency {
  readonly batch: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
}

/**
 * `latency(b) = alphaMs + betaMs * b` over the measured p50s, and the worst absolute residual of that line.
 */
export interface AffineFit {
  readonly alphaMs: number;
  readonly betaMs: number;
  readonly worstResidualMs: number;
}

/** What a variant costs to run on one kind of host, measured by the profiler. */
export interface Profile {
  /** Ascending by batch; the first is batch 1. */
  readonly points: readonly BatchLatency[];
  readonly fit: AffineFit;
  /** Time from request to a probed, ready instance. */
  readonly loadMs: number;
  readonly peakMemoryBytes: number;
  /** Items per second of one instance with every one of its engine threads busy. */
  readonly saturationPerSecond: number;
  /** Host type the figures were measured on. */
  readonly hostType: string;
}

/** Accuracy with its origin; `declared` when no validation set was given at registration. */
export interface Accuracy {
  readonly value: number;
  readonly metric: string;
  readonly dataset: string;
  readonly sampleCount: number;
  readonly origin: "measured" | "declared";
}

/**
 * On what ground rows share batches: the graph proves that they keep apart, rows that were tried did, the owner says so; or
 * each request is computed by itself.
 */
export type BatchingGround = "proven" | "probed" | "owner" | "alone";

/** One way of running one architecture. Fields are explicit; nothing is ever parsed out of `name`. */
export interface Variant {
  readonly name: string;
  readonly architecture: string;
  readonly task: string;
  readonly version: number;
  readonly engine: string;
  readonly deviceKind: DeviceKind;
  readonly precision: Precision;
  /** Cores one batch uses (intra-op threads). */
  readonly threads: number;
  /** Batches one instance runs at once. */
  readonly concurrency: number;
  readonly maxBatch: number;
  /** Absent: not recorded. */
  readonly batching?: BatchingGround;
  readonly accuracy: Accuracy | null;
  readonly profile: Profile;
  /** Why nothing was measured of it: its profile is a stated default. Absent: it is profiled. */
  readonly unprofiledReason?: string;
}

/** INFaaS instance states (paper section 4.1); an inactive variant has no instance. */
export type InstanceState = "active" | "overloaded" | "interfered";

/** One loaded copy of a variant, as the frontend knows it now. */
export interface Instance {
  readonly variant: string;
  readonly executor: string;
  readonly state: InstanceState;
  /** Predicted time until everything queued and running there is done. */
  readonly drainMs: number;
  /** When `drainMs` was true, on the clock of the decision; it has shrunk since. Absent: it is true now. */
  readonly reportedAtMs?: number;
  /** Measured time of the hop frontend → executor → frontend without queue and compute. */
  readonly hopMs: number;
  /** Least hop measured lately, ms: that of an idle moment, by which a query is judged feasible. Absent: `hopMs`. */
  readonly hopLeastMs?: number;
  /** `drainMs` says nothing: its state alone tells how busy it is. Absent: it is known. */
  readonly isQueueUnknown?: boolean;
}

/** One executor and the host it owns. */
export interface Executor {
  readonly name: string;
  readonly hostType: string;
  readonly deviceKinds: readonly DeviceKind[];
  readonly cores: number;
  readonly memoryBytes: number;
  readonly memoryFreeBytes: number;
  /** Held by idle instances that the executor would evict for a new one. Absent: none. */
  readonly memoryEvictableBytes?: number;
  /** Busy share of the host, 0..1. */
  readonly utilisation: number;
  readonly pricePerHourUsd: number;
  /** Time until it is there, ms. Absent: it is. */
  readonly startMs?: number;
  /** False while it drains: it takes no new work. */
  readonly accepting: boolean;
  /** Its figures are too old to say anything: it counts as full. Absent: they are not. */
  readonly isUnheard?: boolean;
}

/** What a query names: one variant, an architecture's variants, or all variants of a task. */
export interface Target {
  readonly kind: "variant" | "architecture" | "task";
  readonly name: string;
  /** Version of the architecture. Absent: the newest. */
  readonly version?: number;
}

/** Requirements of one query. `null` means "no requirement". */
export interface Slo {
  /** Latency objective measured at the frontend, including queue and network to the executor. */
  readonly latencyMs: number | null;
  readonly minAccuracy: number | null;
  /** US dollars per 1,000 queries. */
  readonly maxCostUsd: number | null;
  readonly objective: Objective;
  readonly noDowngrade: boolean;
  /** Equal input is answered bit for bit alike, whoever else asks: by one variant, alone. */
  readonly deterministic: boolean;
}
