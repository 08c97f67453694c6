import type { Http2Server, ServerHttp2Session } from "node:http2";
import type { Clock } from "../../time/clock";
import type { ServerLimits } from "../server-limits";

/** The connections of a grpc-js server: how many there may be, and how long one may keep silent before its first word. */
export class Doors {
  refusedConnections = 0;
  readonly #sessions = new Set<ServerHttp2Session>();
  /** Those that have not said what they are, with the time they came. */
  readonly #strangers = new Map<ServerHttp2Session, number>();

  constructor(
    private readonly limits: Pick<ServerLimits, "connectionsMax" | "handshakeMaxMs">,
    private readonly clock: Clock,
  ) {}

  get connections(): number {
    return this.#sessions.size;
  }

  /** Bounds the connections of a server that is about to listen. */
  watch(server: Http2Server): void {
    server.maxConnections = this.limits.connectionsMax;
    server.on("drop", () => {
      this.refusedConnections += 1;
    });
  }

  opened(session: ServerHttp2Session): void {
    this.#sessions.add(session);
    this.#strangers.set(session, this.clock.nowMs());
    session.once("remoteSettings", () => this.#strangers.delete(session));
    session.once("close", () => {
      this.#sessions.delete(session);
      this.#strangers.delete(session);
    });
  }

  /** Cuts every connection, and with it the calls on it. */
  cutAll(): void {
    for (const session of this.#sessions) session.destroy();
  }

  /** Cuts connections that have kept silent for too long. */
  sweep(): void {
    const dueMs = this.clock.nowMs() - this.limits.handshakeMaxMs;
    for (const [session, sinceMs] of this.#strangers) {
      // In the order they came: the rest came later.
      if (sinceMs > dueMs) return;
      session.destroy();
    }
  }
}
