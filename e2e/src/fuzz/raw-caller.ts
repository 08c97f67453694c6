import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";

/** How one call ended. */
export interface RawOutcome {
  /** gRPC status; null when the stream ended without one. */
  readonly code: number | null;
  readonly message: string;
  /** The answers' messages. */
  readonly answers: readonly Buffer[];
}

/** No call may take longer: the server hangs. */
const hangMs = 20_000;
/** Bytes of a request that hangs which are shown. */
const shownBytes = 400;
/** Calls on one connection before it is replaced, so that opening and closing is part of the test. */
const callsPerConnection = 5_000;

/** A gRPC client that sends whatever bytes it is given, on one connection at a time. */
export class RawCaller {
  private session: ClientHttp2Session | null = null;
  private calls = 0;

  constructor(private readonly address: string) {}

  /** Sends the chunks as they are, gRPC prefixes and all, and half-closes. Rejects when the server does not answer in time. */
  call(path: string, body: Buffer, headers: Record<string, string> = {}): Promise<RawOutcome> {
    return new Promise((resolve, reject) => {
      let stream: ClientHttp2Stream;
      try {
        stream = this.connection().request({
          ":method": "POST",
          ":path": path,
          "content-type": "application/grpc",
          te: "trailers",
          ...headers,
        });
      } catch (error) {
        reject(error);
        return;
      }
      const chunks: Buffer[] = [];
      let told: Record<string, unknown> = {};
      const timer = setTimeout(() => {
        reject(
          new Error(
            `${path} was not answered within ${hangMs} ms: ${body.subarray(0, shownBytes).toString("hex")}`,
          ),
        );
        stream.close();
      }, hangMs);
      stream.on("response", (fields) => {
        told = { ...told, ...fields };
      });
      stream.on("trailers", (fields) => {
        told = { ...told, ...fields };
      });
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("error", () => undefined);
      stream.on("close", () => {
        clearTimeout(timer);
        const code = told["grpc-status"];
        resolve({
          code: code === undefined ? null : Number(code),
          message: decodeURIComponent(String(told["grpc-message"] ?? "")),
          answers: messagesIn(Buffer.concat(chunks)),
        });
      });
      stream.end(body);
    });
  }

  close(): void {
    this.session?.close();
  }

  private connection(): ClientHttp2Session {
    const { session } = this;
    if (session !== null && !session.closed && !session.destroyed && this.calls++ < callsPerConnection)
      return session;
    session?.close();
    this.calls = 0;
    const next = connect(`http://${this.address}`);
    next.setMaxListeners(0);
    next.on("error", () => undefined);
    this.session = next;
    return next;
  }
}

/** Returns a message behind gRPC's prefix. */
export function prefixed(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function messagesIn(bytes: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at + 5 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at + 1);
    messages.push(bytes.subarray(at + 5, at + 5 + length));
    at += 5 + length;
  }
  return messages;
}
