import type { Http2Server, IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import type { Server } from "@grpc/grpc-js";
import { Code, ServiceError } from "../../errors";
import type { ServerLimits } from "../server-limits";

/** Limits that Node's HTTP/2 enforces. */
export type Http2Limits = Pick<
  ServerLimits,
  "receiveWindowBytes" | "maxFrameBytes" | "headerMaxBytes" | "handshakeMaxMs"
>;

/** Callbacks for servers, sessions and streams of HTTP/2 below gRPC. */
export interface Http2Watcher {
  listens?(server: Http2Server): void;
  opened?(session: ServerHttp2Session): void;
  /** After grpc-js has taken the call. */
  called?(stream: ServerHttp2Stream, path: string): void;
}

/**
 * The two members of grpc-js 1.14.7's Server that decide its HTTP/2 settings; it has no public option for
 * them.
 */
interface ServerInternals {
  commonServerOptions?: { settings?: Record<string, number>; handshakeTimeout?: number };
  _setupHandlers?(http2Server: Http2Server, interceptors: unknown): void;
}

/**
 * Makes a server advertise a large receive window and frame size. With HTTP/2's 64 KiB window a 602 KB
 * request costs four times the CPU and, over 2.5 ms of round trip, 30 requests per second is all a connection
 * carries (decision 0004). INTERNAL when grpc-js is another version than the one this was written for.
 */
export function tuneHttp2(server: Server, limits: Http2Limits, watcher: Http2Watcher = {}): void {
  const internals = server as unknown as ServerInternals;
  const setUp = internals._setupHandlers?.bind(server);
  const { commonServerOptions: options } = internals;
  if (options === undefined || setUp === undefined) {
    throw new ServiceError(
      Code.INTERNAL,
      "flow control needs the inside of grpc-js 1.14.7; another one is installed",
    );
  }
  options.handshakeTimeout = limits.handshakeMaxMs;
  options.settings = {
    ...options.settings,
    initialWindowSize: limits.receiveWindowBytes,
    maxFrameSize: limits.maxFrameBytes,
    maxHeaderListSize: limits.headerMaxBytes,
  };
  internals._setupHandlers = (http2Server, interceptors) => {
    setUp(http2Server, interceptors);
    watcher.listens?.(http2Server);
    http2Server.on("session", (session: ServerHttp2Session) => {
      session.setLocalWindowSize(limits.receiveWindowBytes);
      watcher.opened?.(session);
    });
    http2Server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) =>
      watcher.called?.(stream, headers[":path"] ?? ""),
    );
  };
}
