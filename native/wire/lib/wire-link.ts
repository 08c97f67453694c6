import type { CallHost } from "./call-host";
import { laneTraced, traceLayout } from "./event-layout";
import { type LinkBytes, WireInferCall } from "./wire-infer-call";

/** What an executor says of its load. */
export interface WireLoad {
  drainMs: number;
  executorUtilisation: number;
  memoryFreeBytes: number;
  instanceQueuedRows: number;
}

/** An answer: the numbers of its frame. One object is used for all, so keep what you need of it. */
export interface WireAnswer {
  queueMs: number;
  gatherMs: number;
  runMs: number;
  scatterMs: number;
  executorMs: number;
  batchSize: number;
  readonly load: WireLoad;
  readonly body: LinkBytes;
}

/** A refusal, likewise. */
export interface WireRefusal {
  code: number;
  retryAfterMs: number;
  message: string;
  readonly load: WireLoad;
}

/** Who hears of a link. */
export interface WireLinkListener {
  /** The executor has greeted. */
  up(): void;
  /** It could not be had or broke; nothing is told afterwards. */
  down(): void;
  draining(): void;
  answered(id: number, answer: WireAnswer): void;
  refused(id: number, refusal: WireRefusal): void;
}

/** One query for an executor. */
export interface WireQuery {
  /** Time left; 0 = no limit. */
  readonly timeoutMs: number;
  readonly lane: number;
  readonly trace: { readonly traceId: string; readonly spanId: string; readonly sampled: boolean } | null;
  /** The number that the wire gave the variant's name. */
  readonly variant: number;
  /** The parts of bytes, in order, stay untouched until the query has ended. */
  readonly body: WireInferCall | Uint8Array | readonly Uint8Array[];
}

/** A link to one executor over plain TCP, frames as docs/decisions/0003 has them. */
export class WireLink {
  constructor(
    private readonly host: CallHost,
    private readonly scratch: Buffer,
    private readonly number: number,
    private readonly forget: (link: number) => void,
  ) {}

  /** Sends a query under an id of the caller's; false when link or call are gone. */
  send(id: number, { timeoutMs, lane, trace, variant, body }: WireQuery): boolean {
    let marked = lane;
    if (trace?.sampled) {
      marked |= laneTraced;
      this.scratch.write(trace.traceId, traceLayout.traceId, "hex");
      this.scratch.write(trace.spanId, traceLayout.spanId, "hex");
    }
    const bytes = body instanceof WireInferCall ? body.id : body;
    return this.host.addon.linkSend(this.host.handle, this.number, id, timeoutMs, marked, variant, bytes);
  }

  /** Nobody waits for this any more. */
  cancel(id: number): void {
    this.host.addon.linkCancel(this.host.handle, this.number, id);
  }

  /** Cuts it off; the listener hears no more. */
  close(): void {
    this.forget(this.number);
    this.host.addon.linkClose(this.host.handle, this.number);
  }
}
