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
import { DynamicShares } from "@infaas/policy";
import {
  Backoff,
  type Clock,
  Code,
  type DialSecurity,
  type Logger,
  openRawBidi,
  type Random,
  ServiceError,
  type Timer,
} from "@infaas/runtime";
import { type Body, BytesBody } from "../query/body";

/** An answer as the router reads it; valid while the caller is being told. */
export type LinkAnswer = Omit<AnswerFrame, "type" | "id" | "body"> & { readonly body: Body };
/** A refusal likewise. */
export type LinkRefusal = Omit<RefusalFrame, "type" | "id">;

/** One query for an executor. */
export interface LinkQuery {
  /** Time left; 0 = no limit. */
  readonly timeoutMs: number;
  readonly lane: number;
  readonly trace: InferFrame["trace"];
  readonly variant: string;
  readonly body: Body;
}

/** One connection to an executor that carries many queries at once. */
export interface ExecutorLink {
  /** True while queries may be sent. */
  readonly up: boolean;
  /** Queries sent and not yet answered. */
  readonly inFlight: number;
  /** What each tenant has in flight; kept by who sends. */
  readonly shares: DynamicShares;
  /** True when one more query of this tenant is within the bound, and leaves as much room as it has. */
  hasRoom(tenant: string): boolean;
  /** Sends one query; returns the id to cancel it by. Only while there is room. */
  send(query: LinkQuery, caller: LinkCaller): number;
  /** The caller hears no more of this query; the executor is told to forget it. */
  cancel(id: number): void;
  /** Ends the link for good. Pending queries are lost with `fault`. */
  close(fault: ServiceError): void;
}

/** Who waits for one query on a link. Exactly one of the three is called, exactly once, unless it was cancelled. */
export interface LinkCaller {
  answered(answer: LinkAnswer): void;
  refused(refusal: LinkRefusal): void;
  /** The link broke; the executor may or may not have run the query. */
  lost(fault: ServiceError): void;
}

/** What a link tells its executor's pool. */
export interface LinkEvents {
  /** `up` turns true when the executor has greeted, false when the stream broke. */
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
  /** Default: in the clear, without a token. */
  readonly dial?: DialSecurity;
  readonly inFlightMax: number;
  readonly events: LinkEvents;
}

/** Pauses before a broken link is opened again. */
const RECONNECT_FIRST_MS = 50;
const RECONNECT_MAX_MS = 1_000;
/** An executor greets a stream at once; one that has not by then (a host that swallows packets) is tried anew. */
export const GREETING_MAX_MS = 5_000;
/** Receive window: large answers do not wait for the round trip (decision 0004). */
const RECEIVE_WINDOW_BYTES = 8 * 1024 * 1024;
/** What waited for the stream leaves in messages of this size: one above gRPC's limit (64 MiB) would break the link for all. */
const MESSAGE_MAX_BYTES = 32 * 1024 * 1024;
/** A query is a head and a body in the outbox, a cancellation less. */
const PARTS_PER_QUERY = 2;
const ID_MAX = 0xffff_ffff;

type Stream = ReturnType<typeof openRawBidi>;

/**
 * One long-lived stream to one executor carrying many queries at once, told apart by id. Frames of one turn of the
 * event loop leave as one message. A broken stream gives every pending query back and is opened again with backoff.
 */
export class Link implements ExecutorLink {
  private stream: Stream | null = null;
  private readonly pending = new Map<number, LinkCaller>();
  private outbox: Uint8Array[] = [];
  private flushScheduled = false;
  private blocked = false;
  private nextId = 1;
  private readonly backoff: Backoff;
  private timer: Timer | null = null;
  private isUp = false;
  private closed = false;

  readonly shares: DynamicShares;

  constructor(private readonly o: LinkOptions) {
    this.shares = new DynamicShares(o.inFlightMax);
    this.backoff = reconnectBackoff(o.random);
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

  /** What was cancelled before it was sent counts until the stream takes it. */
  hasRoom(tenant: string): boolean {
    const { inFlightMax } = this.o;
    if (this.outbox.length >= inFlightMax * PARTS_PER_QUERY) return false;
    return this.shares.mayTake(tenant, this.pending.size);
  }

  /** Sends one query; returns the id to cancel it by. Only while there is room. */
  send(query: LinkQuery, caller: LinkCaller): number {
    const id = this.takeId();
    this.pending.set(id, caller);
    this.write({
      type: "infer",
      id,
      timeoutMs: query.timeoutMs,
      lane: query.lane,
      trace: query.trace,
      variant: query.variant,
      body: query.body.bytes(),
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
    if (this.stream === null) return;
    while (!this.blocked && this.outbox.length > 0) {
      this.blocked = !this.stream.write(linkMessage(this.takeMessage()));
    }
  };

  /** The parts of the next message: all that fit. What is cut anywhere is put together again by the executor's reader. */
  private takeMessage(): Uint8Array[] {
    const { outbox } = this;
    let count = 0;
    for (let bytes = 0; count < outbox.length; count++) {
      bytes += outbox[count]!.byteLength;
      if (bytes > MESSAGE_MAX_BYTES) break;
    }
    if (count === outbox.length) {
      this.outbox = [];
      return outbox;
    }
    if (count > 0) return outbox.splice(0, count);
    const [large] = outbox as [Uint8Array];
    outbox[0] = large.subarray(MESSAGE_MAX_BYTES);
    return [large.subarray(0, MESSAGE_MAX_BYTES)];
  }

  private open(): void {
    const { address, frontend, clock, dial } = this.o;
    this.outbox = [];
    this.blocked = false;
    const stream = openRawBidi(address, ExecutionService, "Link", {
      receiveWindowBytes: RECEIVE_WINDOW_BYTES,
      metadata: { "infaas-frontend": frontend },
      ...(dial === undefined ? {} : { dial }),
    });
    this.stream = stream;
    const reader = new FrameReader();
    stream.onData((bytes) => this.receive(stream, reader, bytes));
    stream.onDrain(() => this.drained(stream));
    stream.onEnd((error) => this.ended(stream, error));
    const late = `executor at ${address} did not greet within ${GREETING_MAX_MS} ms`;
    this.timer = clock.setTimer(GREETING_MAX_MS, () =>
      stream.destroy(new ServiceError(Code.UNAVAILABLE, late)),
    );
  }

  private receive(stream: Stream, reader: FrameReader, bytes: Buffer): void {
    if (this.stream !== stream) return;
    this.greeted();
    const read = reader.push(bytes);
    if (!read.ok) {
      stream.destroy(
        new ServiceError(Code.INTERNAL, `executor at ${this.o.address} sent a broken frame: ${read.fault}`),
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
      caller.answered({ ...frame, body: new BytesBody(frame.body) });
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

  private greeted(): void {
    if (this.isUp) return;
    this.timer?.cancel();
    this.backoff.succeeded();
    this.setUp(true);
  }

  private ended(stream: Stream, error: ServiceError | null): void {
    if (this.stream !== stream || this.closed) return;
    this.stream = null;
    this.timer?.cancel();
    const { address, clock, logger } = this.o;
    if (this.isUp) logger.warn("link lost", { address, error: error?.message ?? "ended by the executor" });
    this.setUp(false);
    this.loseAll(
      new ServiceError(Code.UNAVAILABLE, `connection to the executor at ${address} was lost`, {
        cause: error ?? undefined,
      }),
    );
    this.timer = clock.setTimer(this.backoff.failed(), () => this.open());
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

/** Returns the pauses before a broken link is opened again. */
export function reconnectBackoff(jitter: Random): Backoff {
  return new Backoff({ firstMs: RECONNECT_FIRST_MS, maxMs: RECONNECT_MAX_MS, jitter });
}
