import {
  type AnswerFrame,
  type CancelFrame,
  ExecutionService,
  encodeFrame,
  type Frame,
  FrameReader,
  type InferFrame,
  linkMessage,
  type RefusalFrame,
} from "@infaas/api";
import { type Clock, type Logger, openRawBidi, type Random, ServiceError, type Timer } from "@infaas/runtime";

/** Who waits for one query on a link. Exactly one of the three is called, exactly once, unless it was cancelled. */
export interface LinkCaller {
  answered(frame: AnswerFrame): void;
  refused(frame: RefusalFrame): void;
  /** The link broke; the executor may or may not have run the query. */
  lost(fault: ServiceError): void;
}

/** What a link tells its executor's pool. */
export interface LinkEvents {
  /** `up` turns true when a stream has settled, false when it broke. */
  changed(up: boolean): void;
  /** The executor asks to be taken out of rotation. */
  draining(): void;
}

/** What a link needs. */
export interface LinkOptions {
  readonly address: string;
  /** Name of this frontend, for the executor's log. */
  readonly frontend: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly inFlightMax: number;
  readonly events: LinkEvents;
}

/** First pause before a broken link is opened again; doubles up to the maximum, with jitter. */
const RECONNECT_FIRST_MS = 50;
const RECONNECT_MAX_MS = 1_000;
/** A reopened stream that has not failed for this long counts as up (a refused connection fails at once). */
const SETTLE_MS = 150;
/** Receive window: large answers do not wait for the round trip (data-plane section 5). */
const RECEIVE_WINDOW_BYTES = 8 * 1024 * 1024;
const ID_MAX = 0xffff_ffff;

type Stream = ReturnType<typeof openRawBidi>;

/**
 * One long-lived stream to one executor carrying many queries at once, told apart by id. Frames of one turn of the
 * event loop leave as one message. A broken stream gives every pending query back and is opened again with backoff.
 */
export class Link {
  private stream: Stream | null = null;
  private readonly pending = new Map<number, LinkCaller>();
  private outbox: Uint8Array[] = [];
  private flushScheduled = false;
  private blocked = false;
  private nextId = 1;
  private failures = 0;
  private timer: Timer | null = null;
  private isUp = false;
  private closed = false;

  constructor(private readonly o: LinkOptions) {
    this.open();
  }

  /** True while queries may be sent. */
  get up(): boolean {
    return this.isUp;
  }

  /** Queries sent and not yet answered. */
  get inFlight(): number {
    return this.pending.size;
  }

  /** True when one more query is within the bound. */
  get hasRoom(): boolean {
    return this.pending.size < this.o.inFlightMax;
  }

  /** Sends one query; returns the id to cancel it by. Only while `hasRoom`. */
  send(query: Omit<InferFrame, "type" | "id">, caller: LinkCaller): number {
    const id = this.takeId();
    this.pending.set(id, caller);
    this.write({
      type: "infer",
      id,
      timeoutMs: query.timeoutMs,
      lane: query.lane,
      trace: query.trace,
      variant: query.variant,
      body: query.body,
    });
    return id;
  }

  /** The caller hears no more of this query; the executor is told to forget it. */
  cancel(id: number): void {
    if (!this.pending.delete(id)) return;
    const frame: CancelFrame = { type: "cancel", id };
    this.write(frame);
  }

  /** Ends the stream for good. Pending queries are lost with `fault`. */
  close(fault: ServiceError): void {
    this.closed = true;
    this.timer?.cancel();
    const stream = this.stream;
    this.stream = null;
    stream?.destroy(fault);
    this.loseAll(fault);
    this.setUp(false);
  }

  private takeId(): number {
    do {
      this.nextId = this.nextId === ID_MAX ? 1 : this.nextId + 1;
    } while (this.pending.has(this.nextId));
    return this.nextId;
  }

  private write(frame: InferFrame | CancelFrame): void {
    for (const part of encodeFrame(frame)) this.outbox.push(part);
    if (this.flushScheduled || this.blocked) return;
    this.flushScheduled = true;
    setImmediate(this.flush);
  }

  private readonly flush = (): void => {
    this.flushScheduled = false;
    if (this.stream === null || this.outbox.length === 0) return;
    const parts = this.outbox;
    this.outbox = [];
    this.blocked = !this.stream.write(linkMessage(parts));
  };

  private open(): void {
    const { address, frontend, clock } = this.o;
    this.outbox = [];
    this.blocked = false;
    const stream = openRawBidi(address, ExecutionService, "Link", {
      receiveWindowBytes: RECEIVE_WINDOW_BYTES,
      metadata: { "infaas-frontend": frontend },
    });
    this.stream = stream;
    const reader = new FrameReader();
    stream.onData((bytes) => this.receive(stream, reader, bytes));
    stream.onDrain(() => this.drained(stream));
    stream.onEnd((error) => this.ended(stream, error));
    this.timer = clock.setTimer(SETTLE_MS, () => this.settled(stream));
  }

  private receive(stream: Stream, reader: FrameReader, bytes: Buffer): void {
    if (this.stream !== stream) return;
    this.settled(stream);
    const read = reader.push(bytes);
    if (!read.ok) {
      stream.destroy(
        new ServiceError(13, `executor at ${this.o.address} sent a broken frame: ${read.fault}`),
      );
      return;
    }
    for (const frame of read.frames) this.dispatch(frame);
  }

  private dispatch(frame: Frame): void {
    if (frame.type === "draining") {
      this.o.events.draining();
      return;
    }
    const caller = this.pending.get(frame.id);
    if (caller === undefined) return;
    if (frame.type === "answer") {
      this.pending.delete(frame.id);
      caller.answered(frame);
    } else if (frame.type === "refusal") {
      this.pending.delete(frame.id);
      caller.refused(frame);
    }
  }

  private drained(stream: Stream): void {
    if (this.stream !== stream) return;
    this.blocked = false;
    this.flush();
  }

  private settled(stream: Stream): void {
    if (this.stream !== stream || this.isUp) return;
    this.timer?.cancel();
    this.failures = 0;
    this.setUp(true);
  }

  private ended(stream: Stream, error: ServiceError | null): void {
    if (this.stream !== stream || this.closed) return;
    this.stream = null;
    this.timer?.cancel();
    const { address, clock, random, logger } = this.o;
    if (this.isUp) logger.warn("link lost", { address, error: error?.message ?? "ended by the executor" });
    this.setUp(false);
    this.loseAll(
      new ServiceError(14, `connection to the executor at ${address} was lost`, {
        cause: error ?? undefined,
      }),
    );
    const pauseMs = Math.min(RECONNECT_MAX_MS, RECONNECT_FIRST_MS * 2 ** Math.min(this.failures, 10));
    this.failures++;
    this.timer = clock.setTimer(pauseMs * (0.5 + random.next() / 2), () => this.open());
  }

  private loseAll(fault: ServiceError): void {
    const lost = [...this.pending.values()];
    this.pending.clear();
    this.outbox = [];
    for (const caller of lost) caller.lost(fault);
  }

  private setUp(up: boolean): void {
    if (this.isUp === up) return;
    this.isUp = up;
    this.o.events.changed(up);
  }
}
