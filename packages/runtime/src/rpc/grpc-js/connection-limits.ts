import type { Http2Server, ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import type { Clock } from "../../time/clock";
import type { ServerLimits } from "../server-limits";

/** How often failed TLS handshakes are told of at most. */
const HANDSHAKES_TOLD_PERIOD_MS = 10_000;

/**
 * The connections of a grpc-js server: how many there may be, and how long one may stay silent at its
 * beginning.
 */
export class ConnectionLimits {
  /** Connections turned away because there were `connectionsMax`. */
  refused = 0;
  private readonly sessions = new Set<ServerHttp2Session>();
  /** Those whose SETTINGS have not come, with the time of their beginning, oldest first. */
  private readonly silent = new Map<ServerHttp2Session, number>();
  private readonly handshakes = { failed: 0, first: "", toldMs: Number.NEGATIVE_INFINITY };

  constructor(
    private readonly limits: Pick<ServerLimits, "connectionsMax" | "handshakeMaxMs">,
    private readonly clock: Clock,
  ) {}

  get connections(): number {
    return this.sessions.size;
  }

  /** Bounds the connections of a server that is about to listen. */
  watch(server: Http2Server): void {
    server.maxConnections = this.limits.connectionsMax;
    server.on("drop", () => {
      this.refused += 1;
    });
    server.on("tlsClientError", (error: Error, { remoteAddress }: Socket) => {
      const { handshakes } = this;
      if (handshakes.failed === 0) handshakes.first = `${remoteAddress ?? "unknown"}: ${error.message}`;
      handshakes.failed += 1;
    });
  }

  opened(session: ServerHttp2Session): void {
    this.sessions.add(session);
    this.silent.set(session, this.clock.nowMs());
    session.once("remoteSettings", () => this.silent.delete(session));
    session.once("close", () => {
      this.sessions.delete(session);
      this.silent.delete(session);
    });
  }

  /** Cuts every connection, and with it the calls on it. */
  cutAll(): void {
    for (const session of this.sessions) session.destroy();
  }

  /** Cuts connections that have been silent for too long. */
  sweep(): void {
    const dueMs = this.clock.nowMs() - this.limits.handshakeMaxMs;
    for (const [session, sinceMs] of this.silent) {
      if (sinceMs > dueMs) return;
      session.destroy();
    }
  }

  /** Tells `hear` of handshakes that failed since the last time. */
  tellFailedHandshakes(hear: (count: number, first: string) => void): void {
    const { failed, first, toldMs } = this.handshakes;
    const nowMs = this.clock.nowMs();
    if (failed === 0 || nowMs - toldMs < HANDSHAKES_TOLD_PERIOD_MS) return;
    Object.assign(this.handshakes, { failed: 0, first: "", toldMs: nowMs });
    hear(failed, first);
  }
}
