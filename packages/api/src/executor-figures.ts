/** Figures of one executor. */
export interface ExecutorFigures {
  readonly executor: string;
  /** Busy share of the host, 0..1; null when not said. */
  readonly utilisation: number | null;
  /** Of all its processes together. */
  readonly memoryResidentBytes: number | null;
  readonly memoryFreeBytes: number | null;
  /** Queries accepted and not answered; null when not said. */
  readonly inFlight: number | null;
}

/** Figures of one instance over the executor's last export period. */
export interface InstanceFigures {
  readonly variant: string;
  readonly executor: string;
  /** Items answered since the instance was loaded; null when not said. */
  readonly servedTotal: number | null;
  /** Queries it refused since it was loaded; null when not said. */
  readonly refusedTotal: number | null;
  /** p95 of its batches' latency in the last window, ms, and the mean batch size it was seen at. */
  readonly latencyP95Ms: number | null;
  readonly batchSize: number | null;
  readonly drainMs: number | null;
}
