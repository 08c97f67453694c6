import { native, type ServerHandle } from "./native";

/** Where a frame server listens and what it bounds. */
export interface FrameServerOptions {
  /** An IP address of this host. */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Queries one connection may have unanswered; beyond it they are refused with RESOURCE_EXHAUSTED. */
  readonly inFlightMax: number;
  /** As for `acceptOnly`. */
  readonly accepted: readonly string[] | null;
}

/** What a frame server asks of JavaScript. */
export interface FrameServerEvents {
  /** A frame that it cannot answer itself, as one LinkRequest message; the answer comes back through `send`. */
  readonly onFrame: (connection: number, message: Buffer) => void;
  /** A connection is gone; nothing is sent to it any more. */
  readonly onEnd: (connection: number) => void;
}

/**
 * The executor's end of plain links (frames of @infaas/api over TCP, greeted by a frame): receives queries, runs them on the
 * batchers that `LinkService.serveOn` gave it, and answers, without JavaScript. Everything it does not know (a variant it
 * was not given, strings, anything faulty) goes to `onFrame`. Keeps the process alive until closed.
 */
export class FrameServer {
  private closed: Promise<void> | undefined;

  private constructor(readonly handle: ServerHandle) {}

  /** Listens; throws an Error that says why it cannot. */
  static open(
    { host, port, inFlightMax, accepted }: FrameServerOptions,
    events: FrameServerEvents,
  ): FrameServer {
    const handle = native().linkOpen(host, port, inFlightMax, accepted, (connection, message) => {
      if (message === undefined) events.onEnd(connection);
      else events.onFrame(connection, message);
    });
    return new FrameServer(handle);
  }

  get port(): number {
    return native().linkPort(this.handle);
  }

  /** Queries accepted and not answered, over all connections. */
  get inFlight(): number {
    return native().linkInFlight(this.handle);
  }

  /** Hands queries of a variant to `onFrame` from now on. */
  withdraw(variant: string): void {
    native().linkServe(this.handle, variant, null, [], [], null);
  }

  /** What every answer tells of the host. */
  tellHost(executorUtilisation: number, memoryFreeBytes: number): void {
    native().linkHost(this.handle, executorUtilisation, memoryFreeBytes);
  }

  /**
   * One of these has to be presented by whoever connects from now on, as a first frame; null: nobody has to. Connections
   * that stand live on.
   */
  acceptOnly(accepted: readonly string[] | null): void {
    native().linkSecrets(this.handle, accepted);
  }

  /** Connections so far that were cut because they presented none of those, or nothing in time. */
  get unauthenticated(): number {
    return native().linkUnauthenticated(this.handle);
  }

  /** Sends whole frames; an answer that nobody waits for any more is left out. */
  send(connection: number, frames: Uint8Array): void {
    native().linkSend(this.handle, connection, frames);
  }

  /** Breaks a connection off. */
  cut(connection: number): void {
    native().linkCut(this.handle, connection);
  }

  /** Asks every peer, those still to come included, to send no more. */
  announceDraining(): void {
    native().linkDrain(this.handle);
  }

  /** Takes no more, lets what is written leave within `graceMs`, and ends every connection. Idempotent. */
  close(graceMs: number): Promise<void> {
    this.closed ??= native().linkClose(this.handle, graceMs);
    return this.closed;
  }
}
