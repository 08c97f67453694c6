import type { Http2Server, ServerHttp2Session } from "node:http2";
import type { Server } from "@grpc/grpc-js";
import { Code, ServiceError } from "../errors";

/** What one connection may have on its way to us before we read. */
export interface FlowControl {
  readonly receiveWindowBytes: number;
  readonly maxFrameBytes: number;
  /** Hears of every connection. */
  readonly opened?: (session: ServerHttp2Session) => void;
}

/** The two members of grpc-js 1.14.7's Server that decide its HTTP/2 settings; it has no public option for them. */
interface ServerInternals {
  commonServerOptions?: { settings?: Record<string, number> };
  _setupHandlers?(http2Server: Http2Server, interceptors: unknown): void;
}

/**
 * Makes a server advertise a large receive window and frame size. With HTTP/2's 64 KiB window a 602 KB request costs
 * four times the CPU and, over 2.5 ms of round trip, 30 requests per second is all a connection carries
 * (design: data-plane section 5). INTERNAL when grpc-js is another version than the one this was written for.
 */
export function tuneFlowControl(server: Server, flow: FlowControl): void {
  const internals = server as unknown as ServerInternals;
  const setUp = internals._setupHandlers?.bind(server);
  if (internals.commonServerOptions === undefined || setUp === undefined) {
    throw new ServiceError(
      Code.INTERNAL,
      "flow control needs the inside of grpc-js 1.14.7; another one is installed",
    );
  }
  internals.commonServerOptions.settings = {
    ...internals.commonServerOptions.settings,
    initialWindowSize: flow.receiveWindowBytes,
    maxFrameSize: flow.maxFrameBytes,
  };
  internals._setupHandlers = (http2Server, interceptors) => {
    setUp(http2Server, interceptors);
    http2Server.on("session", (session: ServerHttp2Session) => {
      session.setLocalWindowSize(flow.receiveWindowBytes);
      flow.opened?.(session);
    });
  };
}
