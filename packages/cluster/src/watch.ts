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

/** Who is told what metadata says. */
export interface WatchEvents {
  /** Next message of the watch. */
  received(response: WatchResponse): void;
  /** The watch broke; what is known stays known. */
  interrupted(): void;
  /** Revision to go on from; 0 = a fresh snapshot. */
  resumeFrom(): bigint;
}

/** What the watch needs. */
export interface WatchOptions {
  readonly cluster: ClientOf<typeof ClusterService>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly events: WatchEvents;
}

const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 2_000;

/** Follows metadata's watch until `signal` aborts: a broken watch is opened again with bounded backoff. Never rejects. */
export async function followMetadata(o: WatchOptions): Promise<void> {
  const backoff = new Backoff({ firstMs: RETRY_FIRST_MS, maxMs: RETRY_MAX_MS, jitter: o.random });
  while (!o.signal.aborted) {
    try {
      const fromRevision = o.events.resumeFrom();
      for await (const response of o.cluster.watch({ fromRevision }, { signal: o.signal })) {
        backoff.succeeded();
        o.events.received(response);
      }
      o.logger.debug("metadata ended the watch");
    } catch (error) {
      if (o.signal.aborted) return;
      if (backoff.failures === 0)
        o.logger.warn("watch of metadata lost", { error: ServiceError.from(error).message });
    }
    o.events.interrupted();
    await sleep(o.clock, backoff.failed(), o.signal);
  }
}
