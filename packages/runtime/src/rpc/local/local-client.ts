import {
  create,
  type DescMessage,
  type DescMethod,
  type DescService,
  type MessageInitShape,
} from "@bufbuild/protobuf";
import { Code, ServiceError } from "../../errors";
import { type Caller, unnamedCaller } from "../../security/caller";
import type { Clock, Timer } from "../../time/clock";
import type { CallOptions, ClientOf } from "../client/client";
import {
  type CallContext,
  type Endpoint,
  type Implementation,
  methodPath,
  streamsRequest,
  streamsResponse,
} from "../service";

export interface LocalClientOptions {
  readonly clock: Clock;
  /** Who calls; default: nobody by name, from `local`. */
  readonly caller?: Caller;
  /** For calls that name no timeout; streams that answer many messages have none unless they say so. */
  readonly defaultTimeoutMs?: number;
}

/** What handlers are told as `host:port` of the client. */
const LOCAL_PEER = "local";

/**
 * Returns a client of a service of this process: the one that `createRpcClient` gives, without sockets and without encoding.
 * A handler is called once the turn is over in which it was asked for. Messages are handed over as they are: neither side
 * may change one that was sent. Failures are `ServiceError` as over gRPC: UNIMPLEMENTED without a handler, DEADLINE_EXCEEDED
 * when the timeout has passed on the clock given, CANCELLED when the caller's signal aborts.
 */
export function createLocalClient<S extends DescService>(
  service: S,
  { endpoints }: Implementation,
  o: LocalClientOptions,
): ClientOf<S> {
  const calls: Record<string, unknown> = {};
  for (const method of service.methods) {
    const endpoint = endpoints.find(({ path }) => path === methodPath(method));
    if (endpoint === undefined)
      throw new ServiceError(Code.INTERNAL, `${service.typeName} has no method ${method.name}`);
    const many = streamsResponse(method);
    calls[method.localName] = (requests: unknown, options: CallOptions = {}) => {
      const timeoutMs = options.timeoutMs ?? (many ? undefined : o.defaultTimeoutMs);
      const call = new LocalCall(method, endpoint, { ...o, ...options, timeoutMs });
      return many ? call.many(requests) : call.one(requests);
    };
  }
  return calls as ClientOf<S>;
}

type Init = MessageInitShape<DescMessage>;
type LocalCallOptions = LocalClientOptions &
  Omit<CallOptions, "timeoutMs"> & { readonly timeoutMs: number | undefined };

/** One call; it ends once, by its answer, its failure, its timeout or its caller. */
class LocalCall {
  private readonly controller = new AbortController();
  private readonly timer: Timer | null;
  private failure: ServiceError | null = null;
  /** Rejects the promise that the caller awaits; does nothing while it awaits none. */
  private reject: (fault: ServiceError) => void = () => undefined;

  constructor(
    private readonly method: DescMethod,
    private readonly endpoint: Endpoint,
    private readonly o: LocalCallOptions,
  ) {
    const { clock, timeoutMs, signal } = o;
    const late = () =>
      this.fail(new ServiceError(Code.DEADLINE_EXCEEDED, `no answer within ${timeoutMs} ms`));
    this.timer = timeoutMs === undefined ? null : clock.setTimer(timeoutMs, late);
    if (signal?.aborted) this.cancelled();
    signal?.addEventListener("abort", this.cancelled, { once: true });
  }

  async one(requests: unknown): Promise<unknown> {
    try {
      await this.until(this.begun());
      return this.answer(await this.until(this.handle(requests) as Promise<unknown>));
    } finally {
      this.end();
    }
  }

  async *many(requests: unknown): AsyncGenerator<unknown> {
    let answers: AsyncIterator<unknown> | null = null;
    try {
      await this.until(this.begun());
      answers = (this.handle(requests) as AsyncIterable<unknown>)[Symbol.asyncIterator]();
      for (;;) {
        const { done, value } = await this.until(answers.next());
        if (done === true) return;
        yield this.answer(value);
      }
    } finally {
      this.end();
      // What the handler says at its end is told to nobody: its caller is gone, or has heard all.
      answers?.return?.().catch(() => undefined);
    }
  }

  private begun(): Promise<void> {
    return new Promise((resolve) => this.o.clock.soon(resolve));
  }

  private handle(requests: unknown): Promise<unknown> | AsyncIterable<unknown> {
    const { endpoint, method } = this;
    if (endpoint.handle === null) throw new ServiceError(Code.UNIMPLEMENTED, endpoint.reason);
    const sent = streamsRequest(method)
      ? this.each(requests as AsyncIterable<Init>)
      : create(method.input, requests as Init);
    return endpoint.handle(sent as never, this.context());
  }

  private async *each(requests: AsyncIterable<Init>): AsyncGenerator<unknown> {
    for await (const request of requests) yield create(this.method.input, request);
  }

  private answer(value: unknown): unknown {
    return create(this.method.output, value as Init);
  }

  private context(): CallContext {
    const { metadata = {}, caller = unnamedCaller(LOCAL_PEER), timeoutMs } = this.o;
    return {
      signal: this.controller.signal,
      deadlineMs: timeoutMs ?? null,
      peer: LOCAL_PEER,
      caller,
      metadata: (name) => metadata[name],
      metadataNames: () => Object.keys(metadata),
      setTrailer: () => undefined,
    };
  }

  /** Waits for `step` unless the call has failed or fails meanwhile. */
  private until<T>(step: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.reject = reject;
      if (this.failure !== null) reject(this.failure);
      step.then(resolve, (fault: unknown) => reject(ServiceError.from(fault)));
    });
  }

  private readonly cancelled = (): void => {
    this.fail(new ServiceError(Code.CANCELLED, "cancelled by the caller"));
  };

  private fail(fault: ServiceError): void {
    this.failure ??= fault;
    this.controller.abort(this.failure);
    this.reject(this.failure);
  }

  /** The handler of a stream that nobody reads any more sees its signal abort. */
  private end(): void {
    this.timer?.cancel();
    this.o.signal?.removeEventListener("abort", this.cancelled);
    if (!this.controller.signal.aborted)
      this.controller.abort(new ServiceError(Code.CANCELLED, "cancelled by the caller"));
  }
}
