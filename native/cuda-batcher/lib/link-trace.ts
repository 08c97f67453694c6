/** One sampled query that was answered, with its times as its answer has them. */
export interface LinkTrace {
  /** The caller's span, in hexadecimal digits. */
  readonly traceId: string;
  readonly spanId: string;
  /** How long ago it was answered. */
  readonly agoMs: number;
  readonly rows: number;
  /** Equal for sampled queries of one batch. */
  readonly batchId: number;
  readonly batchSize: number;
  readonly queueMs: number;
  readonly gatherMs: number;
  readonly runMs: number;
  readonly scatterMs: number;
  /** From its arrival to its answer. */
  readonly executorMs: number;
}
