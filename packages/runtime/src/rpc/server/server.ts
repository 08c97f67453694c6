import { lookup } from "node:dns/promises";
import type { DescFile, DescService } from "@bufbuild/protobuf";
import { Code, ServiceError } from "../../errors";
import { addressOf } from "../../process/address";
import type { Logger } from "../../process/logger";
import type { CallGuard } from "../../security/call-guard";
import { unnamedCaller } from "../../security/caller";
import type { Security } from "../../security/security";
import type { TlsIdentity } from "../../security/tls-identity";
import { sleep, systemClock } from "../../time/clock";
import { GrpcJsTransport } from "../grpc-js/grpc-js-transport";
import { statusPairs } from "../metadata-pairs";
import type { RawUnaryCall, ServedStream } from "../raw";
import { findMethod, type Implementation, methodPath } from "../service";
import type { Transport, TransportCall, TransportGuard, TransportRefusals } from "../transport";
import { type Health, HealthState } from "./health";
import { reflectionOf } from "./reflection";
import { type FaultTeller, serveEndpoint } from "./serve-endpoint";
import { ServedRawStream, ServedUnary } from "./serve-raw";

/** A gRPC server with health and reflection. */
export interface RpcServer {
  /**
   * Serves every method of `implementation`; a method without a handler gives way to one with. INTERNAL if
   * two have one.
   */
  add(implementation: Implementation): void;
  /** Serves one unary method without decoding; takes the place of a method that has no handler. */
  addRawUnary(
    service: DescService,
    method: string,
    handle: (bytes: Buffer, call: RawUnaryCall) => void,
  ): void;
  addRawBidi(service: DescService, method: string, handle: (stream: ServedStream) => void): void;
  /**
   * Listens on `host:port`, port 0 = any; returns the port. UNAVAILABLE when it cannot be had,
   * INVALID_ARGUMENT for another form.
   */
  listen(address: string): Promise<number>;
  readonly health: Health;
  readonly load: ServerLoad;
  /** Takes no new calls, waits up to `graceMs` for those that run, then cuts them off. */
  stop(graceMs: number): Promise<void>;
}

/** What a server has open now, and what its limits turned away since it started. */
export interface ServerLoad {
  readonly openCalls: number;
  readonly connections: number;
  /** Of requests that came, or are coming, and whose calls are not over. */
  readonly heldBytes: number;
  /** What connections take beside that, as measured: sockets, sessions, headers that are coming. */
  readonly connectionBytes: number;
  readonly refused: Readonly<Record<keyof TransportRefusals, number>>;
}

export interface RpcServerOptions {
  readonly logger: Logger;
  /** Default: grpc-js with `SERVER_LIMITS`. */
  readonly transport?: Transport;
  /** Certificates of the server, and who may call what; default: in the clear, anybody anything. */
  readonly security?: Pick<Security, "guard" | "tls">;
  /** Files whose services reflection describes; imports are added. */
  readonly reflection?: readonly DescFile[];
}

/**
 * Clients hear that they should leave this long before calls on their way are refused: at least a round trip.
 */
const LEAVE_NOTICE_MS = 50;
const STOP_CHECK_MS = 10;

/**
 * Returns a server that does not listen yet. FAILED_PRECONDITION when its transport cannot use the
 * certificates.
 */
export function createRpcServer(o: RpcServerOptions): RpcServer {
  return new TransportServer(o.transport ?? new GrpcJsTransport(), o);
}

/** Serves one call; the message is null where the client may send many. */
type Serve = (message: Buffer | null, call: TransportCall) => void;

class TransportServer implements RpcServer {
  readonly health = new HealthState();
  private readonly logger: Logger;
  private readonly guard: CallGuard | null;
  private readonly unfollow: readonly (() => void)[];
  private readonly serviceNames = new Set<string>();
  /** Paths that are served, and whether something handles them. */
  private readonly handled = new Map<string, boolean>();

  constructor(
    private readonly transport: Transport,
    o: RpcServerOptions,
  ) {
    this.logger = o.logger;
    this.guard = o.security?.guard ?? null;
    transport.guard(guardOf(this.guard));
    const tls = o.security?.tls ?? null;
    if (tls !== null) this.secure(tls);
    this.unfollow = [
      this.guard?.onChange(() => transport.askAnew()) ?? ignore,
      tls?.onChange(() => this.replaceCertificates(tls)) ?? ignore,
    ];
    this.add(this.health.implementation());
    for (const one of reflectionOf(o.reflection ?? [], () => [...this.serviceNames])) this.add(one);
  }

  get load(): ServerLoad {
    const { openCalls, connections, heldBytes, connectionBytes, refused } = this.transport;
    return { openCalls, connections, heldBytes, connectionBytes, refused: { ...refused } };
  }

  add({ serviceName, endpoints }: Implementation): void {
    this.serviceNames.add(serviceName);
    for (const endpoint of endpoints) {
      if (endpoint.handle === null && this.handled.get(endpoint.path) === true) continue;
      const serve: Serve = (message, call) => serveEndpoint(endpoint, this.tell, message, call);
      this.register(endpoint.path, endpoint.handle !== null, endpoint.requestStream, serve);
    }
  }

  addRawUnary(
    service: DescService,
    method: string,
    handle: (bytes: Buffer, call: RawUnaryCall) => void,
  ): void {
    this.registerRaw(service, method, false, (message, call) => {
      const raw = new ServedUnary(call);
      try {
        handle(message as Buffer, raw);
      } catch (e) {
        raw.refuse(this.tell(e, method));
      }
    });
  }

  addRawBidi(service: DescService, method: string, handle: (stream: ServedStream) => void): void {
    this.registerRaw(service, method, true, (_, call) => {
      const raw = new ServedRawStream(call);
      try {
        handle(raw);
      } catch (e) {
        raw.destroy(this.tell(e, method));
      }
    });
  }

  async listen(address: string): Promise<number> {
    const { host, port: wanted } = addressOf(address);
    const faults: string[] = [];
    let bound: number | null = null;
    for (const ip of await resolved(host)) {
      const listening = await this.transport.listen(ip, bound ?? wanted);
      if (typeof listening === "string") faults.push(`${ip}: ${listening}`);
      else bound = listening;
    }
    if (bound === null) {
      const reasons = faults.length === 0 ? "the name is unknown" : faults.join(", ");
      throw new ServiceError(Code.UNAVAILABLE, `cannot listen on ${address}: ${reasons}`);
    }
    this.health.set("", true);
    return bound;
  }

  async stop(graceMs: number): Promise<void> {
    this.health.setAllNotServing();
    const { transport } = this;
    const endMs = systemClock.nowMs() + graceMs;
    transport.shutDown(false);
    await sleep(systemClock, Math.min(LEAVE_NOTICE_MS, graceMs));
    transport.shutDown(true);
    while (transport.connections > 0 && systemClock.nowMs() < endMs) await sleep(systemClock, STOP_CHECK_MS);
    transport.close();
    for (const end of this.unfollow) end();
  }

  private secure(tls: TlsIdentity): void {
    const fault = this.transport.secure(tls.serverMaterial());
    if (fault !== null) throw new ServiceError(Code.FAILED_PRECONDITION, `TLS: ${fault}`);
    this.transport.handshakesFailed = (count, first) =>
      this.logger.warn("TLS handshakes failed", { count, first });
  }

  private replaceCertificates(tls: TlsIdentity): void {
    const reason = this.transport.secure(tls.serverMaterial());
    if (reason !== null) this.logger.warn("TLS certificates stay as they were", { reason });
  }

  private registerRaw(service: DescService, method: string, streams: boolean, serve: Serve): void {
    this.serviceNames.add(service.typeName);
    this.register(methodPath(findMethod(service, method)), true, streams, serve);
  }

  private register(path: string, handled: boolean, streams: boolean, serve: Serve): void {
    if (this.handled.get(path) === true) throw new ServiceError(Code.INTERNAL, `${path} is served twice`);
    this.guard?.assertCovers(path);
    this.handled.set(path, handled);
    if (streams) this.transport.stream(path, (call) => serve(null, call));
    else this.transport.unary(path, serve);
  }

  private readonly tell: FaultTeller = (fault, method) => {
    const error = ServiceError.from(fault);
    if (error.code === Code.INTERNAL) this.logger.error("a handler failed", { method, error });
    return error;
  };
}

/** Without a guard the peer's address is all that is known. */
function guardOf(guard: CallGuard | null): TransportGuard {
  if (guard === null) return { tokens: false, admit: ({ peer }) => ({ caller: unnamedCaller(peer) }) };
  return {
    tokens: true,
    admit: (call) => {
      const admitted = guard.admit(call);
      return admitted instanceof ServiceError ? { refusal: statusPairs(admitted, {}) } : { caller: admitted };
    },
  };
}

/** Returns the IP addresses of a host; none when the name is unknown. */
async function resolved(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true }).catch(() => [])).map((found) => found.address);
}

function ignore(): void {}
