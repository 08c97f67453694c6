import {
  createServer as createHttpServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer, type Server as HttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import {
  Code,
  type Implementation,
  type Logger,
  type Security,
  ServiceError,
  systemClock,
} from "@infaas/runtime";
import type { InferOptions } from "../infer-call";
import { ByteBudget } from "./byte-budget";
import { Cors } from "./cors";
import { Exchange, type ExchangeOptions } from "./exchange";
import { emptyReply, errorReply, type Reply } from "./reply";
import { sendReply } from "./send-reply";

/** Largest head of a request: request line and headers together. */
export const HEADER_BYTES_MAX = 16 * 1024;
/** A connection whose head does not come within this is closed with 408. */
export const HEADERS_MAX_MS = 10_000;
/** A connection whose request does not come whole within this is closed with 408. */
export const REQUEST_MAX_MS = 60_000;
/** How long an idle connection is kept for the next request. */
export const KEEP_ALIVE_MS = 65_000;
/** Connections beyond this are closed as they come. */
export const CONNECTIONS_MAX = 4_096;
/** Memory that the bodies of all requests together may hold. */
export const BODIES_BYTES_MAX = 1024 * 1024 * 1024;
/** How often slow connections are looked for. */
const CHECK_PERIOD_MS = 2_000;

const BOUNDS = {
  maxHeaderSize: HEADER_BYTES_MAX,
  headersTimeout: HEADERS_MAX_MS,
  requestTimeout: REQUEST_MAX_MS,
  keepAliveTimeout: KEEP_ALIVE_MS,
  connectionsCheckingInterval: CHECK_PERIOD_MS,
  noDelay: true,
} as const;

/** What the face is made of. */
export interface HttpFaceOptions {
  readonly logger: Logger;
  readonly infer: InferOptions;
  /** The Open Inference Protocol's methods besides ModelInfer, as gRPC serves them. */
  readonly protocol: Implementation;
  readonly security: Security;
  /** Origins of web pages that may use it. */
  readonly corsOrigins: readonly string[];
}

/** The Open Inference Protocol over HTTP/1.1: the same router and the same handlers as gRPC, in JSON and raw bytes. */
export class HttpFace {
  private readonly server: HttpServer | HttpsServer;
  private readonly cors: Cors;
  private readonly exchange: ExchangeOptions;

  constructor(private readonly o: HttpFaceOptions) {
    this.cors = new Cors(o.corsOrigins);
    const { guard, tls } = o.security;
    this.exchange = {
      infer: o.infer,
      protocol: o.protocol,
      bodies: new ByteBudget(BODIES_BYTES_MAX),
      guard,
    };
    const serve = (request: IncomingMessage, response: ServerResponse) => void this.serve(request, response);
    if (tls === null) this.server = createHttpServer(BOUNDS, serve);
    else {
      const server = createHttpsServer({ ...BOUNDS, ...tls.serverOptions() }, serve);
      server.once("close", tls.follow(server));
      this.server = server;
    }
    this.server.maxConnections = CONNECTIONS_MAX;
  }

  /** Listens on `host:port`, port 0 = any; returns the port. UNAVAILABLE when it cannot be had. */
  listen(address: string): Promise<number> {
    const at = address.lastIndexOf(":");
    return new Promise((resolve, reject) => {
      this.server.once("error", (cause) =>
        reject(
          new ServiceError(Code.UNAVAILABLE, `cannot listen on ${address}: ${cause.message}`, { cause }),
        ),
      );
      this.server.listen(Number(address.slice(at + 1)), address.slice(0, at), () =>
        resolve((this.server.address() as AddressInfo).port),
      );
    });
  }

  /** Takes no new connections, waits up to `graceMs` for requests that run, then cuts them off. */
  stop(graceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = systemClock.setTimer(graceMs, () => this.server.closeAllConnections());
      this.server.close(() => {
        timer.cancel();
        resolve();
      });
      this.server.closeIdleConnections();
    });
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await sendReply(request, response, await this.answerTo(request, response));
    } catch (error) {
      this.o.logger.error("an HTTP answer could not be sent", { path: request.url, error });
      response.destroy();
    }
  }

  private async answerTo(request: IncomingMessage, response: ServerResponse): Promise<Reply> {
    let headers: Readonly<Record<string, string>> = {};
    try {
      headers = this.cors.headersFor(request);
      const preflight = this.cors.preflight(request);
      if (preflight !== null) return { ...emptyReply(204), headers: { ...preflight, ...headers } };
      const reply = await new Exchange(this.exchange, request, response).answer();
      return { ...reply, headers: { ...reply.headers, ...headers } };
    } catch (fault) {
      const error = ServiceError.from(fault);
      if (error.code === Code.INTERNAL) this.o.logger.error("a request failed", { path: request.url, error });
      return errorReply(error, headers);
    }
  }
}
