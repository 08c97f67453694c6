import type { CallHost } from "./call-host";
import { eventKind, eventLayout } from "./event-layout";
import { LinkBytes } from "./wire-infer-call";
import type { WireAnswer, WireLinkListener, WireLoad, WireRefusal } from "./wire-link";

/** Reads the events of links and tells their listeners. */
export class LinkEvents {
  /** By the link's number; numbers are not used again. */
  private readonly listeners = new Map<number, WireLinkListener>();
  private readonly load: WireLoad = {
    drainMs: 0,
    executorUtilisation: 0,
    memoryFreeBytes: 0,
    instanceQueuedRows: 0,
  };
  private readonly body: LinkBytes;
  private readonly answer: WireAnswer;
  private readonly refusal: WireRefusal;

  constructor(
    private readonly host: CallHost,
    private readonly numbers: Float64Array,
  ) {
    this.body = new LinkBytes(host);
    const { load, body } = this;
    this.answer = {
      queueMs: 0,
      gatherMs: 0,
      runMs: 0,
      scatterMs: 0,
      executorMs: 0,
      batchSize: 0,
      load,
      body,
    };
    this.refusal = { code: 0, retryAfterMs: 0, message: "", load };
  }

  listen(link: number, listener: WireLinkListener): void {
    this.listeners.set(link, listener);
  }

  forget(link: number): void {
    this.listeners.delete(link);
  }

  answered(link: number, place: number, at: number): void {
    const listener = this.listeners.get(link);
    if (listener === undefined) return;
    const { numbers, answer } = this;
    answer.queueMs = numbers[at + eventLayout.queueMs]!;
    answer.gatherMs = numbers[at + eventLayout.gatherMs]!;
    answer.runMs = numbers[at + eventLayout.runMs]!;
    answer.scatterMs = numbers[at + eventLayout.scatterMs]!;
    answer.executorMs = numbers[at + eventLayout.executorMs]!;
    answer.batchSize = numbers[at + eventLayout.batchSize]!;
    this.readBody(place, at);
    listener.answered(numbers[at + eventLayout.queryId]!, answer);
  }

  /** Everything else that is told of a link. */
  told(link: number, place: number, at: number): void {
    const listener = this.listeners.get(link);
    switch (this.numbers[at + eventLayout.kind]) {
      case eventKind.refusal:
        this.readBody(place, at);
        this.refusal.code = this.numbers[at + eventLayout.code]!;
        this.refusal.retryAfterMs = this.numbers[at + eventLayout.retryAfterMs]!;
        this.refusal.message = Buffer.from(this.body.bytes()).toString("utf8");
        listener?.refused(this.numbers[at + eventLayout.queryId]!, this.refusal);
        return;
      case eventKind.linkUp:
        listener?.up();
        return;
      case eventKind.linkDown:
        this.forget(link);
        this.host.addon.linkClose(this.host.handle, link);
        listener?.down();
        return;
      case eventKind.linkDraining:
        listener?.draining();
        return;
    }
  }

  private readBody(place: number, at: number): void {
    const { numbers, load, body } = this;
    load.drainMs = numbers[at + eventLayout.drainMs]!;
    load.executorUtilisation = numbers[at + eventLayout.utilisation]!;
    load.memoryFreeBytes = numbers[at + eventLayout.memoryFree]!;
    load.instanceQueuedRows = numbers[at + eventLayout.queuedRows]!;
    body.place = place;
    body.byteLength = numbers[at + eventLayout.bodyBytes]!;
  }
}
