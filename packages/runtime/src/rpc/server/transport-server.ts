import { lookup } from "node:dns/promises";
import type { DescService } from "@bufbuild/protobuf";
import type { ServerDuplexStream, ServerUnaryCall } from "@grpc/grpc-js";
import { Code, ServiceError } from "../../errors";
import { addressOf } from "../../process/address";
import type { Logger } from "../../process/logger";
import type { CallGuard } from "../../security/call-guard";
import { unnamedCaller } from "../../security/caller";
import type { Security } from "../../security/security";
import type { TlsIdentity } from "../../security/tls-identity";
import { sleep, systemClock } from "../../time/clock";
import type { RawUnaryCall, ServedStream, TrailerValues } from "../raw";
import { type Endpoint, findMethod, type Implementation, methodPath } from "../service";
import { statusPairs } from "../trailer-pairs";
import type { Transport, TransportCall, TransportGuard } from "../transport";
import { HealthState } from "./health";
import { reflectionOf } from "./reflection";
import { type CallerOf, serveMany, serveOne, type Telling } from "./serve-endpoint";
import { ServedRawStream, ServedRawUnary } from "./serve-raw";
import type { RpcServer, RpcServerOptions, ServerLoad } from "./server";
import { TransportAnswers, TransportDuplex, TransportUnary } from "./transport-call";

/** What a server on a transport may be told; sizes are the transport's own. */
export type TransportServerOptions = Pick<RpcServerOptions, "logger" | "reflection"> & {
  /** Certificates of this face, and who may call what; default: in the clear, anybody anything. */
  readonly security?: Pick<Security, "guard" | "tls">;
};

/** Clients hear that they should leave this long before calls on their way are refused: at least a round trip. */
const LEAVE_NOTICE_MS = 50;
const STOP_CHECK_MS = 10;

/** Returns a server like that of `createRpcServer`, carried by `transport` instead of grpc-js. */
export function createTransportServer(transport: Transport, o: TransportServerOptions): RpcServer {
  return new TransportServer(transport, o);
}

const callerOf: CallerOf = (call) => (call as unknown as TransportUnary | TransportDuplex).caller;

type Answering = (message: Buffer | null, call: TransportCall) => void;

class TransportServer implements RpcServer {
  readonly health = new HealthState();
  readonly #transport: Transport;
  readonly #logger: Logger;
  readonly #guard: CallGuard | null;
  readonly #unfollow: readonly (() => void)[];
  readonly #serviceNames = new Set<string>();
  /** By path; a method without a handler gives way to one with. */
  readonly #methods = new Map<string, { readonly handled: boolean; serve: Answering }>();

  constructor(transport: Transport, o: TransportServerOptions) {
    this.#transport = transport;
    this.#logger = o.logger;
    this.#guard = o.security?.guard ?? null;
    transport.guard(guardOf(this.#guard));
    const tls = o.security?.tls ?? null;
    if (tls !== null) this.#show(tls);
    this.#unfollow = [
      this.#guard?.onChange(() => transport.askAnew()) ?? ignore,
      tls?.onChange(() => this.#showNext(tls)) ?? ignore,
    ];
    this.add(this.health.implementation());
    for (const one of reflectionOf(o.reflection ?? [], () => [...this.#serviceNames])) this.add(one);
  }

  /** What the transport itself turns away it does not count. */
  get load(): ServerLoad {
    const { openCalls, connections, heldBytes } = this.#transport;
    return { openCalls, connections, heldBytes, refused: {} };
  }

  add(implementation: Implementation): void {
    this.#serviceNames.add(implementation.serviceName);
    for (const endpoint of implementation.endpoints) {
      if (endpoint.handle === null && this.#methods.get(endpoint.path)?.handled === true) continue;
      this.#register(
        endpoint.path,
        endpoint.handle !== null,
        endpoint.requestStream,
        this.#answering(endpoint),
      );
    }
  }

  addRawUnary(
    service: DescService,
    method: string,
    handle: (bytes: Buffer, call: RawUnaryCall) => void,
  ): void {
    this.#registerRaw(service, method, false, (message, call) => {
      const unary = new TransportUnary(message as Buffer, call);
      const raw = new ServedRawUnary(asGrpc(unary), unary.settle, callerOf);
      try {
        handle(unary.request, raw);
      } catch (e) {
        raw.refuse(this.#tell(e, method));
      }
    });
  }

  addRawBidi(service: DescService, method: string, handle: (stream: ServedStream) => void): void {
    this.#registerRaw(service, method, true, (_, call) => {
      const raw = new ServedRawStream(asGrpc(new TransportDuplex(call)), callerOf);
      try {
        handle(raw);
      } catch (e) {
        raw.destroy(this.#tell(e, method));
      }
    });
  }

  async listen(address: string): Promise<number> {
    const { host, port: asked } = addressOf(address);
    let port = asked;
    const why: string[] = [];
    let bound = 0;
    for (const ip of await resolve(host)) {
      const listening = this.#transport.listen(ip, port);
      if (typeof listening === "string") {
        why.push(`${ip}: ${listening}`);
        continue;
      }
      port = listening;
      bound++;
    }
    if (bound === 0) {
      const reasons = why.length === 0 ? "the name is unknown" : why.join(", ");
      throw new ServiceError(Code.UNAVAILABLE, `cannot listen on ${address}: ${reasons}`);
    }
    this.health.set("", true);
    return port;
  }

  async stop(graceMs: number): Promise<void> {
    this.health.setAllNotServing();
    const transport = this.#transport;
    const endMs = systemClock.nowMs() + graceMs;
    transport.shutDown(false);
    await sleep(systemClock, Math.min(LEAVE_NOTICE_MS, graceMs));
    transport.shutDown(true);
    while (transport.connections > 0 && systemClock.nowMs() < endMs) await sleep(systemClock, STOP_CHECK_MS);
    transport.close();
    for (const end of this.#unfollow) end();
  }

  /** FAILED_PRECONDITION when the transport cannot use this certificate. */
  #show(tls: TlsIdentity): void {
    const fault = this.#transport.secure(tls.serverMaterial());
    if (fault !== null) throw new ServiceError(Code.FAILED_PRECONDITION, `TLS: ${fault}`);
    this.#transport.handshakesFailed = (count, first) =>
      this.#logger.warn("TLS handshakes failed", { count, first });
  }

  #showNext(tls: TlsIdentity): void {
    const reason = this.#transport.secure(tls.serverMaterial());
    if (reason !== null) this.#logger.warn("TLS certificates stay as they were", { reason });
  }

  #answering(endpoint: Endpoint): Answering {
    const serving = { endpoint, callerOf, tell: this.#tell };
    return (message, call) => {
      if (!endpoint.responseStream && message !== null) {
        const unary = new TransportUnary(message, call);
        void serveOne(serving, asGrpc(unary), unary.settle);
        return;
      }
      const duplex = message === null ? new TransportDuplex(call) : new TransportAnswers(message, call);
      if (endpoint.responseStream) void serveMany(serving, asGrpc(duplex));
      else void serveOne(serving, asGrpc(duplex), duplex.settle);
    };
  }

  #registerRaw(service: DescService, method: string, streams: boolean, serve: Answering): void {
    this.#serviceNames.add(service.typeName);
    this.#register(methodPath(findMethod(service, method)), true, streams, serve);
  }

  #register(path: string, handled: boolean, streams: boolean, serve: Answering): void {
    const before = this.#methods.get(path);
    if (before?.handled === true) throw new ServiceError(Code.INTERNAL, `${path} is served twice`);
    this.#guard?.assertCovers(path);
    const method = { handled, serve };
    this.#methods.set(path, method);
    if (streams) this.#transport.stream(path, (call) => serve(null, call));
    else this.#transport.unary(path, serve);
  }

  readonly #tell: Telling = (fault, method) => {
    const error = ServiceError.from(fault);
    if (error.code === Code.INTERNAL) this.#logger.error("a handler failed", { method, error });
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
      return admitted instanceof ServiceError
        ? { refusal: statusPairs(admitted, NO_TRAILERS) }
        : { caller: admitted };
    },
  };
}

const NO_TRAILERS: TrailerValues = {};

/** The two call classes have what handlers use of grpc-js's, and nothing else of it. */
function asGrpc(call: TransportUnary): ServerUnaryCall<Buffer, Buffer>;
function asGrpc(call: TransportDuplex): ServerDuplexStream<Buffer, Buffer>;
function asGrpc(call: unknown): unknown {
  return call;
}

async function resolve(host: string): Promise<readonly string[]> {
  try {
    return (await lookup(host, { all: true })).map((found) => found.address);
  } catch {
    return [];
  }
}

function ignore(): void {}
