import type { DescFile, DescService } from "@bufbuild/protobuf";
import {
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  type Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerOptions,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from "@grpc/grpc-js";
import { Code, ServiceError } from "../../errors";
import type { Logger } from "../../process/logger";
import type { Caller } from "../../security/caller";
import { openSecurity, type Security } from "../../security/security";
import { every, systemClock, type Timer } from "../../time/clock";
import { Doors } from "../grpc-js/connection-limits";
import { guardInterceptor } from "../grpc-js/guard-interceptor";
import { tuneHttp2 } from "../grpc-js/http2-tuning";
import { RequestIntake } from "../grpc-js/incoming-requests";
import type { RawUnaryCall, ServedStream } from "../raw";
import { type ServerLimits, serverLimitsDefault } from "../server-limits";
import { type Endpoint, findMethod, type Implementation, methodPath } from "../service";
import { type Health, HealthState } from "./health";
import { reflectionOf } from "./reflection";
import { type CallerOf, callersBy, serveMany, serveOne, type Telling } from "./serve-endpoint";
import { ServedRawStream, ServedRawUnary } from "./serve-raw";

/** A gRPC server with health and reflection, tuned for large messages. */
export interface RpcServer {
  add(implementation: Implementation): void;
  /** Serves one unary method without decoding; takes the place of a method that has no handler. */
  addRawUnary(
    service: DescService,
    method: string,
    handle: (bytes: Buffer, call: RawUnaryCall) => void,
  ): void;
  addRawBidi(service: DescService, method: string, handle: (stream: ServedStream) => void): void;
  /** Listens on `host:port`, port 0 = any; returns the port. UNAVAILABLE when it cannot be had. */
  listen(address: string): Promise<number>;
  readonly health: Health;
  readonly load: ServerLoad;
  /** Takes no new calls, waits up to `graceMs` for those that run, then cuts them off. */
  stop(graceMs: number): Promise<void>;
}

/** What a server has to do now, and what it turned away since it started. */
export interface ServerLoad {
  readonly openCalls: number;
  readonly connections: number;
  /** Of requests that came, or are coming, and whose calls are not over. */
  readonly heldBytes: number;
  /** By reason. */
  readonly refused: Readonly<Record<string, number>>;
}

/** What a server may be told; every limit has a default. */
export interface RpcServerOptions {
  readonly logger: Logger;
  readonly limits?: Partial<ServerLimits>;
  /** Certificates of this face, and who may call what; default: in the clear, anybody anything. */
  readonly security?: Security;
  /** Files whose services reflection describes; imports are added. */
  readonly reflection?: readonly DescFile[];
}

/** Returns a server that does not listen yet. */
export function createRpcServer(o: RpcServerOptions): RpcServer {
  return new GrpcServer(o);
}

type HandleCall =
  | handleUnaryCall<Buffer, Buffer>
  | handleClientStreamingCall<Buffer, Buffer>
  | handleServerStreamingCall<Buffer, Buffer>
  | handleBidiStreamingCall<Buffer, Buffer>;
type HandlerType = "unary" | "clientStream" | "serverStream" | "bidi";

/** How often slow requests and silent connections are looked for. */
const SWEEP_PERIOD_MS = 1_000;

const identity = (bytes: Buffer): Buffer => bytes;

class GrpcServer implements RpcServer {
  readonly health = new HealthState();
  readonly #server: Server;
  readonly #logger: Logger;
  readonly #serviceNames = new Set<string>();
  readonly #served = new Set<string>();
  /** Paths whose clients may send many messages. */
  readonly #streaming = new Set<string>();
  readonly #intake: RequestIntake;
  readonly #doors: Doors;
  #sweeper: Timer | null = null;
  readonly #security: Security;
  readonly #callers = new WeakMap<Metadata, Caller>();
  readonly #callerOf = callersBy(this.#callers);

  constructor(o: RpcServerOptions) {
    const limits = { ...serverLimitsDefault, ...o.limits };
    this.#logger = o.logger;
    this.#security = o.security ?? openSecurity;
    const { guard } = this.#security;
    this.#server = new Server({
      ...channelOptions(limits),
      ...(guard === null ? {} : { interceptors: [guardInterceptor(guard, this.#callers)] }),
    });
    this.#intake = new RequestIntake(limits, systemClock);
    this.#doors = new Doors(limits, systemClock);
    tuneHttp2(this.#server, limits, {
      listens: (server) => this.#doors.watch(server),
      opened: (session) => this.#doors.opened(session),
      called: (stream, path) => this.#intake.follow(stream, this.#streaming.has(path)),
    });
    this.add(this.health.implementation());
    for (const one of reflectionOf(o.reflection ?? [], () => [...this.#serviceNames])) this.add(one);
  }

  get load(): ServerLoad {
    const { openCalls, heldBytes, refused } = this.#intake;
    const { connections, refusedConnections } = this.#doors;
    return { openCalls, heldBytes, connections, refused: { connections: refusedConnections, ...refused } };
  }

  add(implementation: Implementation): void {
    this.#serviceNames.add(implementation.serviceName);
    for (const endpoint of implementation.endpoints) {
      if (endpoint.handle === null && this.#served.has(endpoint.path)) continue;
      this.#register(
        endpoint.path,
        endpoint.handle !== null,
        handlerOf(endpoint, this.#callerOf, this.#tell),
        kindOf(endpoint),
      );
    }
  }

  addRawUnary(
    service: DescService,
    method: string,
    handle: (bytes: Buffer, call: RawUnaryCall) => void,
  ): void {
    const serve = (call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>): void => {
      const raw = new ServedRawUnary(call, callback, this.#callerOf);
      try {
        handle(call.request, raw);
      } catch (e) {
        raw.refuse(this.#tell(e, method));
      }
    };
    this.#registerRaw(service, method, serve, "unary");
  }

  addRawBidi(service: DescService, method: string, handle: (stream: ServedStream) => void): void {
    const serve = (call: ServerDuplexStream<Buffer, Buffer>): void => {
      const raw = new ServedRawStream(call, this.#callerOf);
      try {
        handle(raw);
      } catch (e) {
        raw.destroy(this.#tell(e, method));
      }
    };
    this.#registerRaw(service, method, serve, "bidi");
  }

  listen(address: string): Promise<number> {
    const credentials = this.#security.tls?.serverCredentials() ?? ServerCredentials.createInsecure();
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(address, credentials, (cause, port) => {
        if (cause !== null) {
          reject(
            new ServiceError(Code.UNAVAILABLE, `cannot listen on ${address}: ${cause.message}`, { cause }),
          );
          return;
        }
        this.#sweeper ??= every(
          systemClock,
          SWEEP_PERIOD_MS,
          () => this.#sweep(),
          (e) => this.#tell(e, "sweep"),
        );
        this.health.set("", true);
        resolve(port);
      });
    });
  }

  stop(graceMs: number): Promise<void> {
    this.health.setAllNotServing();
    return new Promise<void>((resolve) => {
      // Without channelz grpc-js 1.14.7 does not know its own connections: forceShutdown leaves them and their streams
      // open, and the callback of tryShutdown waits for them. So they are cut off here.
      const timer = systemClock.setTimer(graceMs, () => {
        this.#server.forceShutdown();
        this.#doors.cutAll();
        resolve();
      });
      this.#server.tryShutdown(() => {
        timer.cancel();
        resolve();
      });
    }).finally(() => {
      this.#sweeper?.cancel();
    });
  }

  #sweep(): void {
    this.#intake.sweep();
    this.#doors.sweep();
  }

  #registerRaw(service: DescService, method: string, serve: HandleCall, type: HandlerType): void {
    this.#serviceNames.add(service.typeName);
    this.#register(methodPath(findMethod(service, method)), true, serve, type);
  }

  #register(path: string, handled: boolean, serve: HandleCall, type: HandlerType): void {
    if (this.#served.has(path)) throw new ServiceError(Code.INTERNAL, `${path} is served twice`);
    this.#security.guard?.assertCovers(path);
    if (handled) this.#served.add(path);
    if (type === "clientStream" || type === "bidi") this.#streaming.add(path);
    this.#server.unregister(path);
    this.#server.register(path, serve, identity, identity, type);
  }

  readonly #tell: Telling = (fault, method) => {
    const error = ServiceError.from(fault);
    if (error.code === Code.INTERNAL) this.#logger.error("a handler failed", { method, error });
    return error;
  };
}

function channelOptions(limits: ServerLimits): ServerOptions {
  return {
    "grpc.max_receive_message_length": limits.messageMaxBytes,
    "grpc.max_send_message_length": limits.messageMaxBytes,
    "grpc.max_concurrent_streams": limits.maxConcurrentStreams,
    "grpc.max_connection_idle_ms": limits.idleMaxMs,
    "grpc.keepalive_time_ms": limits.keepaliveMs,
    "grpc.keepalive_timeout_ms": limits.keepaliveTimeoutMs,
    "grpc.enable_channelz": 0,
  };
}

function kindOf(endpoint: Endpoint): HandlerType {
  if (endpoint.requestStream) return endpoint.responseStream ? "bidi" : "clientStream";
  return endpoint.responseStream ? "serverStream" : "unary";
}

function handlerOf(endpoint: Endpoint, callerOf: CallerOf, tell: Telling): HandleCall {
  if (endpoint.responseStream) {
    return (call: ServerWritableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>) =>
      void serveMany({ endpoint, callerOf, tell }, call);
  }
  return (
    call: ServerUnaryCall<Buffer, Buffer> | ServerReadableStream<Buffer, Buffer>,
    callback: sendUnaryData<Buffer>,
  ) => void serveOne({ endpoint, callerOf, tell }, call, callback);
}
