import { Server, ServerCredentials, type ServerInterceptor } from "@grpc/grpc-js";
import { formatAddress } from "../../process/address";
import { unnamedCaller } from "../../security/caller";
import type { ServerMaterial } from "../../security/tls-identity";
import { every, systemClock, type Timer } from "../../time/clock";
import { SERVER_LIMITS, type ServerLimits } from "../server-limits";
import type { Transport, TransportCall, TransportGuard, TransportRefusals } from "../transport";
import { ConnectionLimits } from "./connection-limits";
import { type PathHandler, TakenCall } from "./grpc-js-call";
import { tuneHttp2 } from "./http2-tuning";
import { IncomingRequests } from "./incoming-requests";
import { identity } from "./messages";
import { faultOf, ReplaceableCredentials } from "./server-credentials";

/** How often slow requests and silent connections are looked for. */
const SWEEP_PERIOD_MS = 1_000;

/** A transport on grpc-js and Node's HTTP/2, which runs wherever Node does. */
/** Memory of one connection of Node's HTTP/2 without a call, as measured: see `SERVER_LIMITS`. */
const CONNECTION_BYTES = 32 * 1024;

export class GrpcJsTransport implements Transport {
  handshakesFailed: Transport["handshakesFailed"] = ignore;
  private readonly server: Server;
  private readonly handlers = new Map<string, PathHandler>();
  private readonly requests: IncomingRequests;
  private readonly limited: ConnectionLimits;
  private asked: TransportGuard = { tokens: false, admit: ({ peer }) => ({ caller: unnamedCaller(peer) }) };
  private certificates: ReplaceableCredentials | null = null;
  private sweeper: Timer | null = null;

  constructor(limits: Partial<ServerLimits> = {}) {
    const all = { ...SERVER_LIMITS, ...limits };
    this.requests = new IncomingRequests(all, systemClock);
    this.limited = new ConnectionLimits(all, systemClock);
    this.server = new Server({ ...channelOptions(all), interceptors: [this.take] });
    tuneHttp2(this.server, all, {
      listens: (server) => this.limited.watch(server),
      opened: (session) => this.limited.opened(session),
      called: (stream, path) => this.requests.follow(stream, this.handlers.get(path)?.streams ?? false),
    });
  }

  unary(path: string, serve: (message: Buffer, call: TransportCall) => void): void {
    this.register(path, { streams: false, serve });
  }

  stream(path: string, serve: (call: TransportCall) => void): void {
    this.register(path, { streams: true, serve });
  }

  secure(tls: ServerMaterial): string | null {
    const fault = faultOf(tls);
    if (fault !== null) return fault;
    if (this.certificates === null) this.certificates = new ReplaceableCredentials(tls);
    else this.certificates.replace(tls);
    return null;
  }

  guard(guard: TransportGuard): void {
    this.asked = guard;
  }

  /** Every call is asked about. */
  askAnew(): void {}

  listen(ip: string, port: number): Promise<number | string> {
    const credentials = this.certificates ?? ServerCredentials.createInsecure();
    return new Promise((resolve) => {
      this.server.bindAsync(formatAddress({ host: ip, port }), credentials, (fault, bound) => {
        if (fault === null) this.sweeper ??= every(systemClock, SWEEP_PERIOD_MS, () => this.sweep(), ignore);
        resolve(fault === null ? bound : fault.message);
      });
    });
  }

  get openCalls(): number {
    return this.requests.openCalls;
  }

  get connections(): number {
    return this.limited.connections;
  }

  get heldBytes(): number {
    return this.requests.heldBytes;
  }

  get connectionBytes(): number {
    return this.connections * CONNECTION_BYTES;
  }

  get refused(): TransportRefusals {
    return { connections: this.limited.refused, ...this.requests.refused };
  }

  /** Sessions that are being closed take no further calls: there is nothing left to do at the last time. */
  shutDown(last: boolean): void {
    if (!last) this.server.tryShutdown(ignore);
  }

  close(): void {
    this.sweeper?.cancel();
    this.server.forceShutdown();
    // Without channelz grpc-js 1.14.7 does not know its own connections: forceShutdown leaves them and their
    // calls open.
    this.limited.cutAll();
  }

  private readonly take: ServerInterceptor = ({ path }, call) =>
    new TakenCall(call, path, this.handlers.get(path) as PathHandler, this.asked);

  private register(path: string, handler: PathHandler): void {
    this.handlers.set(path, handler);
    this.server.unregister(path);
    this.server.register(path, ignore, identity, identity, "bidi");
  }

  private sweep(): void {
    this.requests.sweep();
    this.limited.sweep();
    this.limited.tellFailedHandshakes(this.handshakesFailed);
  }
}

function channelOptions(limits: ServerLimits) {
  return {
    "grpc.max_receive_message_length": limits.messageMaxBytes,
    "grpc.max_send_message_length": limits.messageMaxBytes,
    "grpc.max_concurrent_streams": limits.maxConcurrentStreams,
    // Of answers and acknowledgements that one connection does not read; beyond it no call of it is taken.
    "grpc-node.max_session_memory": Math.ceil(limits.heldMaxBytes / 3 / 1e6),
    "grpc.max_connection_idle_ms": limits.idleMaxMs,
    "grpc.keepalive_time_ms": limits.keepaliveMs,
    "grpc.keepalive_timeout_ms": limits.keepaliveTimeoutMs,
    "grpc.enable_channelz": 0,
  };
}

function ignore(): void {}
