import { Code, ServiceError } from "../../errors";
import { trailerPairs } from "../metadata-pairs";
import type { CallContext, Endpoint, Handle } from "../service";
import type { TransportCall } from "../transport";
import { ServedCall } from "./serve-raw";

/** Returns the failure that the peer is told of a fault; logs unexpected ones under `path`, the method's. */
export type FaultTeller = (fault: unknown, path: string) => ServiceError;

/** Serves one call of a method; `message` is the only one of its client, null where there may be many. */
export function serveEndpoint(
  endpoint: Endpoint,
  tell: FaultTeller,
  message: Buffer | null,
  call: TransportCall,
): void {
  const context = new Context(call);
  const serve = endpoint.responseStream ? answerMany : answerOne;
  serve(endpoint, message, context).catch((e: unknown) => {
    // The reader of the stream is gone: nobody is told.
    if (!endpoint.responseStream || !context.signal.aborted) context.fail(tell(e, endpoint.path));
  });
}

async function answerOne(endpoint: Endpoint, message: Buffer | null, context: Context): Promise<void> {
  const handle = handleOf(endpoint);
  context.answer(endpoint.encode(await handle(requestOf(endpoint, message, context), context)));
}

/** Honours back-pressure, and stops asking the handler when the caller is gone. */
async function answerMany(endpoint: Endpoint, message: Buffer | null, context: Context): Promise<void> {
  const answers = handleOf(endpoint)(requestOf(endpoint, message, context), context);
  for await (const answer of answers as AsyncIterable<unknown>) {
    if (context.signal.aborted) return;
    await context.write(endpoint.encode(answer));
  }
  context.end();
}

function handleOf(endpoint: Endpoint): Handle {
  if (endpoint.handle === null) throw new ServiceError(Code.UNIMPLEMENTED, endpoint.reason);
  return endpoint.handle;
}

function requestOf(endpoint: Endpoint, message: Buffer | null, context: Context): never {
  return (message === null ? requestsOf(endpoint, context) : endpoint.decode(message)) as never;
}

async function* requestsOf(endpoint: Endpoint, context: Context): AsyncGenerator<unknown> {
  for (let bytes = await context.next(); bytes !== null; bytes = await context.next()) {
    yield endpoint.decode(bytes);
  }
}

/** A handler that waits for the next message. */
interface Reader {
  resolve(bytes: Buffer | null): void;
  reject(e: ServiceError): void;
}

/** A call as its handler sees it. Requests are read one at a time, when the handler asks for the next. */
class Context extends ServedCall implements CallContext {
  private readonly controller = new AbortController();
  private readonly trailers: Record<string, string | Buffer> = {};
  private reader: Reader | null = null;
  private wakeWriter: (() => void) | null = null;

  constructor(call: TransportCall) {
    super(call);
    call.pause();
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  setTrailer(key: string, value: string | Buffer): void {
    this.trailers[key] = value;
  }

  /** Returns the next message of the client; null when it sends no more. CANCELLED when it is gone. */
  next(): Promise<Buffer | null> {
    return new Promise((resolve, reject) => {
      if (this.signal.aborted) {
        reject(this.signal.reason as ServiceError);
        return;
      }
      this.reader = { resolve, reject };
      this.call.resume();
    });
  }

  /** Sends one message; resolves when the next may be sent, or the caller is gone. */
  write(bytes: Uint8Array): Promise<void> | undefined {
    if (this.call.write(bytes)) return undefined;
    if (this.signal.aborted) return undefined;
    return new Promise((resolve) => {
      this.wakeWriter = resolve;
    });
  }

  answer(bytes: Uint8Array): void {
    this.call.answer(bytes, trailerPairs(this.trailers));
  }

  end(): void {
    this.call.finish(Code.OK, "", trailerPairs(this.trailers));
  }

  fail(e: ServiceError): void {
    this.refuse(e, this.trailers);
  }

  override message(bytes: Buffer): void {
    this.call.pause();
    this.read(bytes);
  }

  override halfClosed(): void {
    this.read(null);
  }

  override cancelled(): void {
    const gone = new ServiceError(Code.CANCELLED, "cancelled by the caller");
    this.controller.abort(gone);
    this.reader?.reject(gone);
    this.drained();
  }

  override drained(): void {
    this.wakeWriter?.();
    this.wakeWriter = null;
  }

  private read(bytes: Buffer | null): void {
    this.reader?.resolve(bytes);
    this.reader = null;
  }
}
