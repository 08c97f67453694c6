import {
  type CancelFrame,
  ExecutionService,
  encodeFrame,
  type Frame,
  FrameReader,
  type InferFrame,
  linkMessage,
} from "@infaas/api";
import { DynamicShares } from "@infaas/policy";
import {
  type Backoff,
  type Clock,
  Code,
  type DialSecurity,
  type Logger,
  openRawBidi,
  type Random,
  ServiceError,
  type Timer,
} from "@infaas/runtime";
import { BytesBody } from "../query/body";
import {
  type ExecutorLink,
  GREETING_MAX_MS,
  type LinkEvents,
  type LinkListener,
  type LinkQuery,
  linkLost,
  reconnectBackoff,
} from "./executor-link";
import { PendingQueries } from "./pending-queries";
import type { Verdict } from "./process-end";

/** What a link inside gRPC needs. */
export interface GrpcLinkOptions {
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
  /** Asks why queries were lost with the link; default: all are bystanders. */
  readonly whyLost?: () => Promise<Verdict>;
}

/** Receive window: large answers do not wait for the round trip (decision 0004). */
const RECEIVE_WINDOW_BYTES = 8 * 1024 * 1024;
/** What waited for the stream leaves in messages of this size: one above gRPC's limit (64 MiB) would break the link for all. */
const MESSAGE_MAX_BYTES = 32 * 1024 * 1024;
/** A query is a head and a body in the outbox, a cancellation less. */
const PARTS_PER_QUERY = 2;

type Stream = ReturnType<typeof openRawBidi>;

/** Where a link is; whatever timer runs in a state is cancelled when it is left. */
type Life =
  | { readonly kind: "opening"; readonly stream: Stream; readonly timer: Timer }
  | { readonly kind: "up"; readonly stream: Stream }
  | { readonly kind: "broken"; readonly timer: Timer }
  | { readonly kind: "closed" };

/**
 * One long-lived stream to one executor carrying many queries at once, told apart by id. Frames of one turn of the
 * event loop leave as one message. A broken stream gives every pending query back and is opened again with backoff.
 */
export class GrpcLink implements ExecutorLink {
  readonly shares: DynamicShares;
  private life: Life;
  private readonly pending = new PendingQueries();
  private outbox: Uint8Array[] = [];
  private flushScheduled = false;
  private blocked = false;
  private readonly backoff: Backoff;

  constructor(private readonly o: GrpcLinkOptions) {
    this.shares = new DynamicShares(o.inFlightMax);
    this.backoff = reconnectBackoff(o.random);
    this.life = this.open();
  }

  get up(): boolean {
    return this.life.kind === "up";
  }

  get inFlight(): number {
    return this.pending.size;
  }

  /** What was cancelled before it was sent counts until the stream takes it. */
  hasRoom(tenant: string): boolean {
    const { inFlightMax } = this.o;
    if (this.outbox.length >= inFlightMax * PARTS_PER_QUERY) return false;
    return this.shares.mayTake(tenant, this.pending.size);
  }

  send(query: LinkQuery, listener: LinkListener): number {
    const id = this.pending.add(query.variant, listener);
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

  cancel(id: number): void {
    if (this.pending.take(id) !== undefined) this.write({ type: "cancel", id });
  }

  close(fault: ServiceError): void {
    const { stream } = this;
    this.become({ kind: "closed" });
    stream?.destroy(fault);
    this.loseAll(fault);
  }

  private get stream(): Stream | null {
    const { life } = this;
    return life.kind === "opening" || life.kind === "up" ? life.stream : null;
  }

  private become(life: Life): void {
    const wasUp = this.up;
    if (this.life.kind === "opening" || this.life.kind === "broken") this.life.timer.cancel();
    this.life = life;
    if (this.up !== wasUp) this.o.events.changed(this.up);
  }

  private write(frame: InferFrame | CancelFrame): void {
    for (const part of encodeFrame(frame)) this.outbox.push(part);
    if (this.flushScheduled || this.blocked) return;
    this.flushScheduled = true;
    this.o.clock.soon(this.flush);
  }

  private readonly flush = (): void => {
    this.flushScheduled = false;
    const { stream } = this;
    if (stream === null) return;
    while (!this.blocked && this.outbox.length > 0) {
      this.blocked = !stream.write(linkMessage(this.takeMessage()));
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

  private open(): Life {
    const { address, frontend, clock, dial } = this.o;
    this.outbox = [];
    this.blocked = false;
    const stream = openRawBidi(address, ExecutionService, "Link", {
      receiveWindowBytes: RECEIVE_WINDOW_BYTES,
      metadata: { "infaas-frontend": frontend },
      ...(dial === undefined ? {} : { dial }),
    });
    const reader = new FrameReader();
    stream.onData((bytes) => this.receive(stream, reader, bytes));
    stream.onDrain(() => this.drained(stream));
    stream.onEnd((error) => this.ended(stream, error));
    const late = `executor at ${address} did not greet within ${GREETING_MAX_MS} ms`;
    const timer = clock.setTimer(GREETING_MAX_MS, () =>
      stream.destroy(new ServiceError(Code.UNAVAILABLE, late)),
    );
    return { kind: "opening", stream, timer };
  }

  private receive(stream: Stream, reader: FrameReader, bytes: Buffer): void {
    if (this.stream !== stream) return;
    if (this.life.kind === "opening") {
      this.backoff.succeeded();
      this.become({ kind: "up", stream });
    }
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
    if (frame.type === "answer") {
      this.pending.take(frame.id)?.answered({ ...frame, body: new BytesBody(frame.body) });
    } else if (frame.type === "refusal") this.pending.take(frame.id)?.refused(frame);
  }

  private drained(stream: Stream): void {
    if (this.stream !== stream) return;
    this.blocked = false;
    this.flush();
  }

  private ended(stream: Stream, error: ServiceError | null): void {
    if (this.stream !== stream) return;
    const { address, clock, logger } = this.o;
    if (this.up) logger.warn("link lost", { address, error: error?.message ?? "ended by the executor" });
    const timer = clock.setTimer(this.backoff.failed(), () => this.become(this.open()));
    this.become({ kind: "broken", timer });
    this.loseAll(linkLost(address, error), this.o.whyLost);
  }

  private loseAll(fault: ServiceError, whyLost?: () => Promise<Verdict>): void {
    this.outbox = [];
    void this.pending.loseAll(fault, whyLost);
  }
}
