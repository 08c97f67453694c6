import { connect, type Socket } from "node:net";
import { addressOf } from "@infaas/runtime";

/** One answer; `status` is null when the connection ended before it was complete. */
export interface HttpOutcome {
  readonly status: number | null;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

interface Waiting {
  readonly methods: readonly string[];
  readonly outcomes: HttpOutcome[];
  readonly resolve: (outcomes: readonly HttpOutcome[]) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** Longest wait for an answer; beyond it the server hangs. */
const hangMs = 20_000;
const shownBytes = 400;
const headEnd = Buffer.from("\r\n\r\n");
const lineEnd = Buffer.from("\r\n");

/** An HTTP/1.1 client that sends any bytes, one exchange at a time. */
export class HttpConnection {
  private readonly socket: Socket;
  private unread: Buffer = Buffer.alloc(0);
  private waiting: Waiting | null = null;
  private over = false;
  exchanges = 0;

  constructor(address: string) {
    this.socket = connect({ ...addressOf(address), noDelay: true });
    this.socket.on("data", (bytes) => this.read(bytes));
    this.socket.on("error", () => undefined);
    this.socket.on("close", () => this.ended());
  }

  /** False once the server is gone. */
  get usable(): boolean {
    return !this.over;
  }

  /** Sends bytes that hold requests with these verbs; resolves with an answer to each, or as many as came. */
  exchange(bytes: Buffer, methods: readonly string[]): Promise<readonly HttpOutcome[]> {
    this.exchanges++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.socket.destroy();
        const shown = bytes.subarray(0, shownBytes).toString("latin1");
        reject(new Error(`not answered within ${hangMs} ms: ${shown}`));
      }, hangMs);
      this.waiting = { methods, outcomes: [], resolve, reject, timer };
      this.socket.write(bytes);
    });
  }

  close(): void {
    this.socket.destroy();
  }

  private read(bytes: Buffer): void {
    this.unread = this.unread.length === 0 ? bytes : Buffer.concat([this.unread, bytes]);
    const { waiting } = this;
    while (waiting !== null && waiting.outcomes.length < waiting.methods.length) {
      const isHead = waiting.methods[waiting.outcomes.length] === "HEAD";
      const answer = readAnswer(this.unread, isHead, this.over);
      if (answer === null) return;
      this.unread = this.unread.subarray(answer.bytes);
      if (answer.outcome !== null) waiting.outcomes.push(answer.outcome);
    }
    this.settle();
  }

  private settle(): void {
    const { waiting } = this;
    this.waiting = null;
    if (waiting === null) return;
    clearTimeout(waiting.timer);
    waiting.resolve(waiting.outcomes);
  }

  private ended(): void {
    this.over = true;
    this.read(Buffer.alloc(0));
    const { waiting } = this;
    if (waiting === null) return;
    while (waiting.outcomes.length < waiting.methods.length)
      waiting.outcomes.push({ status: null, headers: new Map(), body: this.unread });
    this.settle();
  }
}

/**
 * The first answer in `bytes` and how long it is; null when it is not whole. An interim one (1xx) has no
 * outcome.
 */
function readAnswer(
  bytes: Buffer,
  isHead: boolean,
  isLast: boolean,
): { bytes: number; outcome: HttpOutcome | null } | null {
  const end = bytes.indexOf(headEnd);
  if (end < 0) return null;
  const [first = "", ...lines] = bytes.subarray(0, end).toString("latin1").split("\r\n");
  const status = Number(first.split(" ")[1]);
  const start = end + headEnd.length;
  if (status < 200) return { bytes: start, outcome: null };
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  const body = readBody(bytes.subarray(start), headers, isHead || status === 204 || status === 304, isLast);
  return body === null ? null : { bytes: start + body.bytes, outcome: { status, headers, body: body.body } };
}

function readBody(
  bytes: Buffer,
  headers: ReadonlyMap<string, string>,
  isEmpty: boolean,
  isLast: boolean,
): { bytes: number; body: Buffer } | null {
  if (isEmpty) return { bytes: 0, body: Buffer.alloc(0) };
  if (headers.get("transfer-encoding") === "chunked") return readChunks(bytes);
  const length = headers.get("content-length");
  if (length === undefined) return isLast ? { bytes: bytes.length, body: bytes } : null;
  if (bytes.length < Number(length)) return null;
  return { bytes: Number(length), body: Buffer.from(bytes.subarray(0, Number(length))) };
}

function readChunks(bytes: Buffer): { bytes: number; body: Buffer } | null {
  const chunks: Buffer[] = [];
  for (let at = 0; ; ) {
    const end = bytes.indexOf(lineEnd, at);
    if (end < 0) return null;
    const size = Number.parseInt(bytes.subarray(at, end).toString("latin1"), 16);
    const start = end + lineEnd.length;
    if (bytes.length < start + size + lineEnd.length) return null;
    at = start + size + lineEnd.length;
    if (size === 0) return { bytes: at, body: Buffer.concat(chunks) };
    chunks.push(bytes.subarray(start, start + size));
  }
}
