import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server as NodeServer,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer, type Server as HttpsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import {
  addressOf,
  Code,
  type Implementation,
  type Logger,
  type Security,
  type ServerLoad,
  ServiceError,
  systemClock,
} from "@infaas/runtime";
import type { InferOptions } from "../../intake/infer-call";
import type { Face } from "../../telemetry/face";
import { ByteBudget } from "./byte-budget";
import type { ConnectMethod } from "./connect/connect-methods";
import { Cors } from "./cors";
import { Exchange, type ExchangeOptions } from "./exchange";
import { type HttpLimits, httpLimitsDefault, nodeLimits } from "./http-limits";
import { cpuTimes, HostLoad } from "./metrics/host-load";
import { OpenConnections } from "./open-connections";
import { OpenResponses } from "./open-responses";
import { countRefusals, type HttpRefusals } from "./refused-connections";
import { emptyReply, errorReply, type Reply } from "./reply";
import { sendReply } from "./send-reply";

export interface HttpServerOptions {
  readonly logger: Logger;
  readonly infer: InferOptions;
  /** The Open Inference Protocol's methods besides ModelInfer, as gRPC serves them. */
  readonly protocol: Implementation;
  /** Methods of infaas.v1 by path, for the Connect protocol. */
  readonly connect: ReadonlyMap<string, ConnectMethod>;
  /** Files for browsers by path; anybody may read them. */
  readonly files: ReadonlyMap<string, Reply>;
  readonly security: Security;
  /** Origins of web pages that may use it. */
  readonly corsOrigins: readonly string[];
  /**
   * Every server of the process by the name that metrics give it; this one too, if it is to be among them.
   */
  readonly faces: ReadonlyMap<string, Face>;
  readonly limits?: Partial<HttpLimits>;
}

/**
 * The Open Inference Protocol over HTTP/1.1: the same router and the same handlers as gRPC, in JSON and raw
 * bytes.
 */
export class HttpServer {
  private readonly server: NodeServer | HttpsServer;
  private readonly refused: HttpRefusals;
  private readonly connections: OpenConnections;
  private openCalls = 0;
  private readonly answering = new WeakSet<Socket>();
  private readonly cors: Cors;
  private readonly open = new OpenResponses();
  private readonly exchange: ExchangeOptions;

  constructor(private readonly o: HttpServerOptions) {
    const limits = { ...httpLimitsDefault, ...o.limits };
    this.cors = new Cors(o.corsOrigins, o.security.guard === null);
    const { guard, tls } = o.security;
    this.exchange = {
      infer: o.infer,
      protocol: o.protocol,
      connect: o.connect,
      files: o.files,
      bodies: new ByteBudget(limits.heldMaxBytes),
      hostLoad: new HostLoad(cpuTimes),
      faces: o.faces,
      guard,
    };
    const serve = (request: IncomingMessage, response: ServerResponse) => void this.serve(request, response);
    const bounds = nodeLimits(limits);
    if (tls === null) this.server = createHttpServer(bounds, serve);
    else {
      const handshakeTimeout = limits.handshakeMaxMs;
      const server = createHttpsServer({ ...bounds, ...tls.serverOptions(), handshakeTimeout }, serve);
      server.once("close", tls.follow(server));
      this.server = server;
    }
    this.server.maxConnections = limits.connectionsMax;
    this.refused = countRefusals(this.server, this.answering);
    this.connections = new OpenConnections(this.server, limits.headerMaxBytes);
  }

  get load(): ServerLoad {
    const { connections, openCalls } = this;
    const { held: heldBytes, refusals } = this.exchange.bodies;
    const refused = { ...this.refused, bytes: refusals };
    return {
      connections: connections.count,
      openCalls,
      heldBytes,
      connectionBytes: connections.bytes,
      refused,
    };
  }

  /** Listens on `host:port`, port 0 = any; returns the port. UNAVAILABLE when it cannot be had. */
  listen(address: string): Promise<number> {
    const { host, port } = addressOf(address);
    return new Promise((resolve, reject) => {
      this.server.once("error", (cause) =>
        reject(
          new ServiceError(Code.UNAVAILABLE, `cannot listen on ${address}: ${cause.message}`, { cause }),
        ),
      );
      this.server.listen(port, host, () => resolve((this.server.address() as AddressInfo).port));
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
    const { socket } = request;
    this.openCalls += 1;
    this.answering.add(socket);
    this.connections.headersRead(socket);
    response.once("close", () => {
      this.openCalls -= 1;
      this.answering.delete(socket);
    });
    this.open.add(socket, response);
    try {
      await sendReply(request, response, await this.answerTo(request, response));
    } catch (error) {
      this.o.logger.error("an HTTP answer could not be sent", { path: pathOf(request), error });
      response.destroy();
    }
  }

  private async answerTo(request: IncomingMessage, response: ServerResponse): Promise<Reply> {
    let headers: Readonly<Record<string, string>> = {};
    try {
      this.cors.checkHost(request);
      headers = this.cors.headersFor(request);
      const preflight = this.cors.preflight(request);
      if (preflight !== null) return { ...emptyReply(204), headers: { ...preflight, ...headers } };
      const reply = await new Exchange(this.exchange, request, response).answer();
      return { ...reply, headers: { ...reply.headers, ...headers } };
    } catch (fault) {
      const error = ServiceError.from(fault);
      if (error.code === Code.INTERNAL)
        this.o.logger.error("a request failed", { path: pathOf(request), error });
      return errorReply(error, headers);
    }
  }
}

/** Without the query, in which callers of other systems put their tokens. */
function pathOf({ url = "/" }: IncomingMessage): string {
  return url.split("?", 1)[0] ?? url;
}
