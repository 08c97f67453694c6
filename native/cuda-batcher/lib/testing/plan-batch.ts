import { testing } from "./native";

/** The waiting requests in serving order: lane, then deadline, then arrival; one index, one request. */
export interface Queue {
  readonly arrivalMs: Float64Array;
  /** Infinity: none. */
  readonly deadlineMs: Float64Array;
  readonly rows: Int32Array;
  /** Default: all in lane 0. */
  readonly lane?: Int32Array;
  /** Rows of the largest batch each may join; default the rules' largest. */
  readonly maxBatch?: Int32Array;
  /** Only equal ones share a batch; default: all equal. */
  readonly shapeKey?: Int32Array;
}

/** What the plan goes by. */
export interface PlanRules {
  /** Expected latency of a batch in ms: index = rows, 0..maxBatch, never falling; all 0: unknown. */
  readonly latencyMs: Float64Array;
  /** Batches that run at a time; default 1. */
  readonly engines?: number;
  /** Longest a request is held for company; default 0. */
  readonly maxQueueDelayMs?: number;
  /** Expected time to the next arrival; default 0, Infinity: nobody is expected. */
  readonly arrivalGapMs?: number;
  /** Rows that have come lately per ms, in time to be served or not; default 0, unknown. */
  readonly offeredPerMs?: number;
  /** What all latencies are multiplied by, because other batches run beside this one; default 1. */
  readonly slowdown?: number;
  /** What a latency is multiplied by besides, before it is compared with a deadline; default 1. */
  readonly safety?: number;
  /** From the end of a run until its answers are in their callers' hands; default 0. */
  readonly deliveryMs?: number;
  /** Allowed batch sizes, rising; default any. */
  readonly preferredBatchSizes?: Int32Array;
  /** Rows of the first lane that wait behind those in the queue given, and the last deadline among them; default none. */
  readonly hiddenRows?: number;
  readonly hiddenDeadlineMs?: number;
}

/** The next batch of one idle engine. */
export interface Plan {
  /** Indices of its members. */
  readonly take: Int32Array;
  /** Indices of those that can no longer be in time: to be refused. */
  readonly drop: Int32Array;
  readonly rows: number;
  /** Rows the engine runs, at least `rows`. */
  readonly paddedRows: number;
  /** Up to now: run it. Later: wait until then, and plan again when anything changes. Infinity: nothing is left. */
  readonly startAtMs: number;
}

/** Plans the next batch: the very function the native batcher decides by. Pure. */
export function planBatch(nowMs: number, queue: Queue, rules: PlanRules): Plan {
  const count = queue.rows.length;
  const maxBatch = rules.latencyMs.length - 1;
  return testing().planBatch(
    nowMs,
    {
      lane: new Int32Array(count),
      maxBatch: new Int32Array(count).fill(maxBatch),
      shapeKey: new Int32Array(count),
      ...queue,
    },
    {
      engines: 1,
      maxQueueDelayMs: 0,
      arrivalGapMs: 0,
      offeredPerMs: 0,
      slowdown: 1,
      safety: 1,
      deliveryMs: 0,
      preferredBatchSizes: null,
      hiddenRows: 0,
      hiddenDeadlineMs: Number.POSITIVE_INFINITY,
      ...rules,
    },
  );
}
