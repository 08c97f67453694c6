import type { ClusterService, WatchResponse } from "@infaas/api";
import {
  Backoff,
  type ClientOf,
  type Clock,
  type Logger,
  type Random,
  ServiceError,
  sleep,
} from "@infaas/runtime";

/** Receiver of what metadata says. */
export interface WatchListener {
  /** Revision of the last message received, after which the watch goes on; 0 asks for a snapshot. */
  readonly revision: bigint;
  received(response: WatchResponse): void;
  /** The watch broke; what is known stays known. */
  interrupted(): void;
}

export interface WatchOptions {
  readonly cluster: ClientOf<typeof ClusterService>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly listener: WatchListener;
}

/** Pauses before a broken watch is opened again. */
const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 2_000;

/**
 * Follows metadata's watch until `signal` aborts: a broken watch is opened again with backoff, which starts
 * over after a watch that stood for longer than the longest pause. Never rejects.
 */
export async function followMetadata(o: WatchOptions): Promise<void> {
  const { cluster, clock, random: jitter, logger, signal, listener } = o;
  const backoff = new Backoff({ firstMs: RETRY_FIRST_MS, maxMs: RETRY_MAX_MS, jitter });
  while (!signal.aborted) {
    const startMs = clock.nowMs();
    let error = "ended by metadata";
    try {
      const fromRevision = listener.revision === 0n ? 0n : listener.revision + 1n;
      for await (const response of cluster.watch({ fromRevision }, { signal })) listener.received(response);
    } catch (fault) {
      error = ServiceError.from(fault).message;
    }
    if (signal.aborted) return;
    listener.interrupted();
    if (clock.nowMs() - startMs > RETRY_MAX_MS) backoff.succeeded();
    if (backoff.failures === 0) logger.warn("watch of metadata lost", { error });
    await sleep(clock, backoff.failed(), signal);
  }
}
