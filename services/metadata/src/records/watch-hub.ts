import { create } from "@bufbuild/protobuf";
import { type Record, type WatchResponse, WatchResponseSchema } from "@infaas/api";
import { Backoff, type Clock, Code, type Logger, ServiceError, sleep } from "@infaas/runtime";
import { isRecoverable, type MetadataStore, type StoreEvent, type StoreWatch } from "../store/store";
import { guardKey, rootPrefix } from "./keys";
import { RecordView } from "./record-view";
import { WatchQueue } from "./watch-queue";

/** Changes kept for watchers that come back; one that missed more gets a snapshot. */
const HISTORY_MAX_MESSAGES = 4096;
/** Records of a snapshot are sent in messages of about this size, far below the 64 MiB a message may have. */
const snapshotMessageBytes = 1 << 20;
/** How long a writer waits to see its own write come back by the watch. */
const REACH_TIMEOUT_MS = 5_000;
/** Pauses before a store that was away is asked again. */
const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 2_000;
const retries = { firstMs: RETRY_FIRST_MS, maxMs: RETRY_MAX_MS };
/** How long opening waits for a store that is not up yet. */
const OPEN_TIMEOUT_MS = 30_000;

/**
 * One watch on the store, fanned out: keeps the decoded view of every record and tells each watcher a
 * snapshot, then every change in order. Goes on by itself when the store was away or has compacted the
 * revision it stood at.
 */
export class WatchHub {
  readonly view: RecordView;
  private readonly queues = new Set<WatchQueue>();
  private readonly reaching = new Set<() => void>();
  private readonly closing = new AbortController();
  private history: WatchResponse[] = [];
  /** Watchers may resume from this revision on. */
  private resumableFrom = 0n;
  private watch: StoreWatch | null = null;
  private dropped = 0;
  private reads = 0;

  private constructor(
    private readonly store: MetadataStore,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {
    this.view = new RecordView((error) => logger.error("a stored value is not shown to watchers", { error }));
  }

  /** Reads everything and starts to follow; waits a bounded time for a store that is not up yet. */
  static async open(store: MetadataStore, clock: Clock, logger: Logger): Promise<WatchHub> {
    const hub = new WatchHub(store, clock, logger);
    const giveUpMs = clock.nowMs() + OPEN_TIMEOUT_MS;
    const backoff = new Backoff(retries);
    for (;;) {
      try {
        await hub.readAll();
        return hub;
      } catch (error) {
        const failure = ServiceError.from(error);
        if (!isRecoverable(failure) || clock.nowMs() >= giveUpMs) throw failure;
        await sleep(clock, backoff.failed());
      }
    }
  }

  get watcherCount(): number {
    return this.queues.size;
  }

  /** Times the whole store was read so far. */
  get readCount(): number {
    return this.reads;
  }

  /** Watchers dropped so far because they did not keep up. */
  get droppedCount(): number {
    return this.dropped;
  }

  /**
   * Everything from `fromRevision` on: only the changes if all of them are still known, else a snapshot first
   * (always for 0). Ends when `signal` aborts; RESOURCE_EXHAUSTED when the reader is too slow.
   */
  async *subscribe(fromRevision: bigint, signal: AbortSignal): AsyncGenerator<WatchResponse> {
    const queue = new WatchQueue();
    const known =
      fromRevision >= this.resumableFrom && fromRevision > 0n && fromRevision <= this.view.revision + 1n;
    queue.restart(
      known ? this.history.filter((message) => message.revision >= fromRevision) : this.snapshot(),
    );
    const close = () => queue.close();
    signal.addEventListener("abort", close);
    this.queues.add(queue);
    try {
      if (signal.aborted || this.closing.signal.aborted) return;
      yield* queue;
    } finally {
      signal.removeEventListener("abort", close);
      this.queues.delete(queue);
    }
  }

  /** Resolves when the view holds `revision`; UNAVAILABLE when the store does not tell it in time. */
  async reached(revision: bigint): Promise<void> {
    if (this.view.revision >= revision) return;
    await new Promise<void>((resolve, reject) => {
      const check = () => {
        if (this.view.revision < revision) return;
        timer.cancel();
        this.reaching.delete(check);
        resolve();
      };
      const timer = this.clock.setTimer(REACH_TIMEOUT_MS, () => {
        this.reaching.delete(check);
        const seen = `revision ${revision} was written but only ${this.view.revision} seen within ${REACH_TIMEOUT_MS} ms`;
        reject(new ServiceError(Code.UNAVAILABLE, seen));
      });
      this.reaching.add(check);
    });
  }

  close(): void {
    this.closing.abort();
    this.watch?.close();
    for (const queue of this.queues) queue.close();
  }

  private async readAll(): Promise<void> {
    const listing = await this.store.list(rootPrefix);
    this.view.replace(listing);
    this.reads++;
    this.history = [];
    this.resumableFrom = listing.revision + 1n;
    const snapshot = this.queues.size > 0 ? this.snapshot() : [];
    for (const queue of this.queues) queue.restart(snapshot);
    this.follow();
  }

  /** A watch on a store that is away breaks at once; a read tells whether it is worth watching. */
  private async followOnceBack(): Promise<void> {
    await this.store.get(guardKey);
    this.follow();
  }

  private follow(): void {
    const range = { prefix: rootPrefix, fromRevision: this.view.revision + 1n };
    if (!this.closing.signal.aborted) this.watch = this.store.watch(range, (event) => this.take(event));
    this.wakeReaching();
  }

  private take(event: StoreEvent): void {
    if (this.closing.signal.aborted) return;
    if (event.kind === "changes") {
      const { puts, deletedKeys } = this.view.apply(event.revision, event.changes);
      if (puts.length + deletedKeys.length > 0) this.tell(event.revision, puts, deletedKeys);
      this.wakeReaching();
    } else if (event.kind === "compacted") {
      this.logger.warn("the revision watched was compacted, reading everything", {
        revision: String(this.view.revision),
      });
      void this.again(() => this.readAll());
    } else {
      this.logger.warn("the watch on the store broke", { error: event.error });
      void this.again(() => this.followOnceBack());
    }
  }

  private tell(revision: bigint, puts: readonly Record[], deletedKeys: readonly string[]): void {
    const message = create(WatchResponseSchema, { revision, puts: [...puts], deletedKeys: [...deletedKeys] });
    this.history.push(message);
    if (this.history.length > HISTORY_MAX_MESSAGES)
      this.resumableFrom = (this.history.shift()?.revision ?? 0n) + 1n;
    for (const queue of this.queues) {
      queue.push(message);
      if (!queue.dropped) continue;
      this.queues.delete(queue);
      this.dropped++;
    }
  }

  /** Runs `step` after a pause, and again until it works or we close. */
  private async again(step: () => Promise<void>): Promise<void> {
    const backoff = new Backoff(retries);
    for (;;) {
      const pauseMs = backoff.failed();
      await sleep(this.clock, pauseMs, this.closing.signal);
      if (this.closing.signal.aborted) return;
      try {
        await step();
        return;
      } catch (error) {
        this.logger.warn("the store is away, trying again", { error, pauseMs });
      }
    }
  }

  private snapshot(): WatchResponse[] {
    const messages = [this.snapshotMessage()];
    let bytes = 0;
    for (const held of this.view.all()) {
      if (bytes > 0 && bytes + held.bytes > snapshotMessageBytes) {
        messages.push(this.snapshotMessage());
        bytes = 0;
      }
      messages.at(-1)?.puts.push(held.record);
      bytes += held.bytes;
    }
    const [first, last] = [messages[0], messages.at(-1)];
    if (first !== undefined) first.snapshotBegin = true;
    if (last !== undefined) last.snapshotComplete = true;
    return messages;
  }

  private snapshotMessage(): WatchResponse {
    return create(WatchResponseSchema, { revision: this.view.revision });
  }

  private wakeReaching(): void {
    for (const check of [...this.reaching]) check();
  }
}
