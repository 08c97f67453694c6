import { type FailureReason, failureReasons } from "../query/failure-reason";
import { OTHER_NAME } from "../query/other-name";

/** What one answered query contributes; times in ms, `batchSize` is rows of the batch it ran in. */
export interface AnsweredQuery {
  readonly rows: number;
  readonly batchSize: number;
  readonly totalMs: number;
  readonly queueMs: number;
  readonly gatherMs: number;
  readonly computeMs: number;
  readonly scatterMs: number;
}

/** Cumulative figures of one model name. Counts are exact; durations in ms. */
export interface ModelTotals {
  readonly successCount: number;
  readonly successMs: number;
  readonly failCount: number;
  readonly failMs: number;
  /** `failCount` by reason. */
  readonly failures: Readonly<Record<FailureReason, number>>;
  readonly queueMs: number;
  readonly gatherMs: number;
  readonly runMs: number;
  readonly scatterMs: number;
  readonly inferenceCount: number;
  readonly executionCount: number;
  readonly lastInferenceEpochMs: number;
  readonly batches: ReadonlyMap<number, BatchTotals>;
}

/** Cumulative figures of the batches of one size. */
export interface BatchTotals {
  readonly executionCount: number;
  readonly gatherMs: number;
  readonly runMs: number;
  readonly scatterMs: number;
}

const SUCCESS = 0;
const SUCCESS_MS = 1;
const FAIL = 2;
const FAIL_MS = 3;
const QUEUE_MS = 4;
const GATHER_MS = 5;
const RUN_MS = 6;
const SCATTER_MS = 7;
const INFERENCES = 8;
/** The first of as many columns as there are reasons. */
const FAILURES = 9;
const LAST_EPOCH_MS = FAILURES + failureReasons.length;
const WIDTH = LAST_EPOCH_MS + 1;

const BATCH_EXECUTIONS = 0;
const BATCH_GATHER_MS = 1;
const BATCH_RUN_MS = 2;
const BATCH_SCATTER_MS = 3;
const BATCH_WIDTH = 4;

/** Largest batch size that is counted separately; larger ones share its row. */
const BATCH_SIZE_MAX = 1024;
/** Names that are counted; failures under further names share one row, so that made-up names cost no memory. */
const NAMES_MAX = 16_384;
/** Executors whose receipts are summed up each by itself. */
const EXECUTORS_COUNTED_MAX = 1_024;

interface Counters {
  readonly totals: Float64Array;
  readonly batches: Map<number, Float64Array>;
}

/**
 * Counts queries by model name since start. Answers are counted under their variant, failures under the name that
 * was asked for; a virtual model (architecture, task) is the sum over its variants plus its own failures.
 * A batch is counted by the shares of its members (`rows / batchSize` each), which add up to one.
 */
export class Statistics {
  private readonly byName = new Map<string, Counters>();
  /** Queries answered since start. */
  answered = 0;
  /** Queries refused or failed since start. */
  refused = 0;
  private readonly refusals = new Map<FailureReason, number>();
  private readonly costs = new Map<string, number>();

  recordAnswer(variant: string, query: AnsweredQuery, epochMs: number): void {
    this.answered++;
    const counters = this.countersOf(variant);
    const share = query.batchSize > 0 ? query.rows / query.batchSize : 1;
    const totals = counters.totals;
    totals[SUCCESS]! += 1;
    totals[SUCCESS_MS]! += query.totalMs;
    totals[QUEUE_MS]! += query.queueMs;
    totals[GATHER_MS]! += query.gatherMs;
    totals[RUN_MS]! += query.computeMs;
    totals[SCATTER_MS]! += query.scatterMs;
    totals[INFERENCES]! += query.rows;
    totals[LAST_EPOCH_MS] = epochMs;
    const batch = batchRow(counters, Math.min(query.batchSize, BATCH_SIZE_MAX));
    batch[BATCH_EXECUTIONS]! += share;
    batch[BATCH_GATHER_MS]! += query.gatherMs * share;
    batch[BATCH_RUN_MS]! += query.computeMs * share;
    batch[BATCH_SCATTER_MS]! += query.scatterMs * share;
  }

  /** Counts what a receipt says that the query cost, for the executor that answered it. */
  recordReceipt(executor: string, usd: number): void {
    const isNew = !this.costs.has(executor) && this.costs.size >= EXECUTORS_COUNTED_MAX;
    const name = isNew ? OTHER_NAME : executor;
    this.costs.set(name, (this.costs.get(name) ?? 0) + usd);
  }

  /** US dollars of all receipts since start, by executor; those beyond the bound together as `OTHER_NAME`. */
  receipts(): Iterable<readonly [executor: string, usd: number]> {
    return this.costs;
  }

  /** Number of `refused` with this reason. */
  refusedBy(reason: FailureReason): number {
    return this.refusals.get(reason) ?? 0;
  }

  recordFailure(name: string, totalMs: number, reason: FailureReason): void {
    this.refused++;
    this.refusals.set(reason, this.refusedBy(reason) + 1);
    const totals = this.countersOf(name).totals;
    totals[FAIL]! += 1;
    totals[FAILURES + failureReasons.indexOf(reason)]! += 1;
    totals[FAIL_MS]! += totalMs;
  }

  /** Sum over `names`; zeros for names never seen. */
  totalsOf(names: Iterable<string>): ModelTotals {
    const sum = new Float64Array(WIDTH);
    const batches = new Map<number, Float64Array>();
    for (const name of names) {
      const counters = this.byName.get(name);
      if (counters === undefined) continue;
      for (let i = 0; i < LAST_EPOCH_MS; i++) sum[i]! += counters.totals[i]!;
      sum[LAST_EPOCH_MS] = Math.max(sum[LAST_EPOCH_MS]!, counters.totals[LAST_EPOCH_MS]!);
      addBatches(batches, counters.batches);
    }
    return toTotals(sum, batches);
  }

  private countersOf(name: string): Counters {
    const known = this.byName.get(name);
    if (known !== undefined) return known;
    if (this.byName.size >= NAMES_MAX && name !== OTHER_NAME) return this.countersOf(OTHER_NAME);
    const fresh = { totals: new Float64Array(WIDTH), batches: new Map<number, Float64Array>() };
    this.byName.set(name, fresh);
    return fresh;
  }
}

function batchRow(counters: Counters, size: number): Float64Array {
  let row = counters.batches.get(size);
  if (row === undefined) {
    row = new Float64Array(BATCH_WIDTH);
    counters.batches.set(size, row);
  }
  return row;
}

function addBatches(into: Map<number, Float64Array>, from: ReadonlyMap<number, Float64Array>): void {
  for (const [size, row] of from) {
    const sum = into.get(size) ?? new Float64Array(BATCH_WIDTH);
    for (let i = 0; i < BATCH_WIDTH; i++) sum[i]! += row[i]!;
    into.set(size, sum);
  }
}

function toTotals(sum: Float64Array, batches: ReadonlyMap<number, Float64Array>): ModelTotals {
  const bySize = new Map<number, BatchTotals>();
  for (const [size, row] of [...batches].sort(([a], [b]) => a - b)) {
    bySize.set(size, {
      executionCount: Math.round(row[BATCH_EXECUTIONS]!),
      gatherMs: row[BATCH_GATHER_MS]!,
      runMs: row[BATCH_RUN_MS]!,
      scatterMs: row[BATCH_SCATTER_MS]!,
    });
  }
  return {
    successCount: sum[SUCCESS]!,
    successMs: sum[SUCCESS_MS]!,
    failCount: sum[FAIL]!,
    failMs: sum[FAIL_MS]!,
    failures: failuresOf(sum),
    queueMs: sum[QUEUE_MS]!,
    gatherMs: sum[GATHER_MS]!,
    runMs: sum[RUN_MS]!,
    scatterMs: sum[SCATTER_MS]!,
    inferenceCount: sum[INFERENCES]!,
    executionCount: [...bySize.values()].reduce((count, size) => count + size.executionCount, 0),
    lastInferenceEpochMs: sum[LAST_EPOCH_MS]!,
    batches: bySize,
  };
}

function failuresOf(sum: Float64Array): Record<FailureReason, number> {
  const [rejected, canceled, backend, other] = sum.subarray(FAILURES);
  return { REJECTED: rejected!, CANCELED: canceled!, BACKEND: backend!, OTHER: other! };
}
