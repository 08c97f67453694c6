import type { CallHost } from "./call-host";
import { eventKind, mail } from "./event-layout";
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
    answer.queueMs = numbers[at + mail.queueMs]!;
    answer.gatherMs = numbers[at + mail.gatherMs]!;
    answer.runMs = numbers[at + mail.runMs]!;
    answer.scatterMs = numbers[at + mail.scatterMs]!;
    answer.executorMs = numbers[at + mail.executorMs]!;
    answer.batchSize = numbers[at + mail.batchSize]!;
    this.readBody(place, at);
    listener.answered(numbers[at + mail.queryId]!, answer);
  }

  /** Everything else that is told of a link. */
  told(link: number, place: number, at: number): void {
    const listener = this.listeners.get(link);
    switch (this.numbers[at + mail.kind]) {
      case eventKind.refusal:
        this.readBody(place, at);
        this.refusal.code = this.numbers[at + mail.code]!;
        this.refusal.retryAfterMs = this.numbers[at + mail.retryAfterMs]!;
        this.refusal.message = Buffer.from(this.body.bytes()).toString("utf8");
        listener?.refused(this.numbers[at + mail.queryId]!, this.refusal);
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
    load.drainMs = numbers[at + mail.drainMs]!;
    load.executorUtilisation = numbers[at + mail.utilisation]!;
    load.memoryFreeBytes = numbers[at + mail.memoryFree]!;
    load.instanceQueuedRows = numbers[at + mail.queuedRows]!;
    body.place = place;
    body.byteLength = numbers[at + mail.bodyBytes]!;
  }
}
