import { lookup } from "node:dns/promises";
import { FrameServer } from "@infaas/cuda-batcher";
import { addressOf, every, type Logger, type MemberCredentials, type Timer } from "@infaas/runtime";
import { Link, type LinkPorts } from "./link";
import { PlainStream } from "./link-stream";
import type { ServedInstance } from "./served-instance";

/** Period in which the host's figures in every answer are refreshed, that of `Utilisation`, and the add-on's are read. */
const REFRESH_EVERY_MS = 250;
/** Period in which unauthenticated connections, and sampled queries without spans, are logged. */
const REPORT_EVERY_MS = 10_000;
/** Time for written answers to be sent when the links are closed. */
const CLOSE_GRACE_MS = 500;

export interface LinkAccess {
  readonly members: MemberCredentials;
  readonly logger: Logger;
}

/**
 * Links over TCP. Queries run in the add-on; those it leaves to JavaScript are answered by one `Link` a
 * connection.
 */
export class NativeLinks {
  private readonly links = new Map<number, { readonly link: Link; readonly stream: PlainStream }>();
  private readonly server: FrameServer;
  private readonly refresh: Timer;

  private readonly unfollow: () => void;
  private readonly report: Timer;
  private unauthenticated = 0;

  private constructor(
    host: string,
    port: number,
    private readonly ports: LinkPorts,
    { members, logger }: LinkAccess,
  ) {
    this.server = FrameServer.open(
      { host, port, inFlightMax: ports.inFlightMax, accepted: members.accepted() },
      {
        onFrame: (connection, message) => this.of(connection).received(message),
        onEnd: (connection) => this.links.get(connection)?.stream.ended(),
      },
    );
    this.unfollow = members.onChange(() => this.server.acceptOnly(members.accepted()));
    this.report = every(
      ports.clock,
      REPORT_EVERY_MS,
      () => this.reportLosses(logger),
      () => undefined,
    );
    this.tellHost();
    this.refresh = every(
      ports.clock,
      REFRESH_EVERY_MS,
      () => {
        this.tellHost();
        ports.figures.collect();
      },
      () => undefined,
    );
  }

  /** Listens on `address` (host:port, port 0 = any); rejects when it cannot. */
  static async open(address: string, ports: LinkPorts, access: LinkAccess): Promise<NativeLinks> {
    const { host, port } = addressOf(address);
    const found = await lookup(host);
    return new NativeLinks(found.address, port, ports, access);
  }

  get port(): number {
    return this.server.port;
  }

  /** Queries in flight over all connections. */
  get inFlight(): number {
    return this.server.inFlight;
  }

  /**
   * Sets the instance that answers for a variant; one that is not ready or has no `direct` is served by
   * JavaScript.
   */
  serve(variant: string, instance: ServedInstance | undefined): void {
    const direct = instance?.readyEngine?.direct;
    if (direct?.serveOn(this.server, variant)) this.ports.figures.attach(variant, direct);
    else this.server.withdraw(variant);
    this.tellHost();
  }

  /** Asks every frontend to send no more, also those that connect later. */
  announceDraining(): void {
    this.server.announceDraining();
  }

  /** Ends every connection after written answers were sent, or after `CLOSE_GRACE_MS`. */
  async close(): Promise<void> {
    for (const timer of [this.refresh, this.report]) timer.cancel();
    this.unfollow();
    await this.server.close(CLOSE_GRACE_MS);
    this.ports.figures.collect();
  }

  private reportLosses(logger: Logger): void {
    const untraced = this.ports.spans.takeLost();
    if (untraced > 0) logger.warn("more queries were sampled than are traced at once", { untraced });
    const count = this.server.unauthenticated - this.unauthenticated;
    if (count === 0) return;
    this.unauthenticated += count;
    logger.warn("links without the cluster token were cut off", { count });
  }

  private tellHost(): void {
    const { executorUtilisation, memoryFreeBytes } = this.ports.reporter.load(undefined);
    this.server.tellHost(executorUtilisation, memoryFreeBytes);
  }

  private of(connection: number): PlainStream {
    const known = this.links.get(connection);
    if (known !== undefined) return known.stream;
    const stream = new PlainStream(this.server, connection);
    const link = new Link(stream, this.ports, () => this.links.delete(connection));
    this.links.set(connection, { link, stream });
    return stream;
  }
}
