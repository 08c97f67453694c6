import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";

const appearMaxMs = 5_000;
const answerMaxMs = 30_000;
const pollMs = 20;
/** WebSocket (RFC 6455, section 5.2): one whole text; client frames carry a mask, here of zeros. */
const wholeText = 0x81;
const isMasked = 0x80;
const shortMax = 125;
const wide = 126;
const wider = 127;
const headEnd = "\r\n\r\n";

/**
 * A Node process's inspector, opened by SIGUSR1. The process has to run with `--inspect-port=0` and to log
 * what it says to a file: that is where the inspector's address stands.
 */
export class Inspector {
  private readonly waiting = new Map<number, (result: unknown) => void>();
  private unread: Buffer = Buffer.alloc(0);
  private lastId = 0;

  private constructor(private readonly socket: Socket) {
    socket.on("data", (bytes) => this.read(bytes));
  }

  static async open(pid: number, logFile: string): Promise<Inspector> {
    process.kill(pid, "SIGUSR1");
    const { socket, url } = await connectTold(logFile);
    await upgraded(socket, url);
    return new Inspector(socket);
  }

  /** Calls a method of the protocol; rejects when there is no answer in time. */
  call(method: string, params: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    const id = ++this.lastId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${method}: no answer within ${answerMaxMs} ms`)),
        answerMaxMs,
      );
      this.waiting.set(id, (result) => {
        clearTimeout(timer);
        resolve(result);
      });
      this.socket.write(textFrame(JSON.stringify({ id, method, params })));
    });
  }

  close(): void {
    this.socket.destroy();
  }

  private read(bytes: Buffer): void {
    this.unread = Buffer.concat([this.unread, bytes]);
    for (;;) {
      const text = firstText(this.unread);
      if (text === null) return;
      this.unread = this.unread.subarray(text.frameBytes);
      const { id, result } = JSON.parse(text.text) as { readonly id?: number; readonly result?: unknown };
      if (id === undefined) continue;
      this.waiting.get(id)?.(result);
      this.waiting.delete(id);
    }
  }
}

/** Connects to the address that was told last and listens: a log may begin with that of a process that has ended. */
async function connectTold(logFile: string): Promise<{ readonly socket: Socket; readonly url: URL }> {
  for (const giveUpAt = performance.now() + appearMaxMs; performance.now() < giveUpAt; ) {
    const told = readFileSync(logFile, "utf8").match(/Debugger listening on (ws:\S+)/g);
    const last = told?.at(-1)?.split(" ").at(-1);
    if (last !== undefined) {
      const url = new URL(last);
      const socket = connect(Number(url.port), url.hostname);
      if (await isConnected(socket)) return { socket, url };
    }
    await new Promise((next) => setTimeout(next, pollMs));
  }
  throw new Error(`no inspector told of itself in ${logFile}`);
}

function isConnected(socket: Socket): Promise<boolean> {
  return new Promise((done) => {
    socket.once("connect", () => done(true));
    socket.once("error", () => done(false));
  });
}

function upgraded(socket: Socket, { pathname, host }: URL): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.write(
      `GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n`,
    );
    let head = "";
    const read = (bytes: Buffer) => {
      head += bytes.toString("latin1");
      if (!head.includes(headEnd)) return;
      socket.off("data", read);
      resolve();
    };
    socket.on("data", read);
  });
}

function textFrame(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length =
    bytes.length <= shortMax
      ? Buffer.from([isMasked + bytes.length])
      : Buffer.from([isMasked + wide, bytes.length >> 8, bytes.length & 255]);
  return Buffer.concat([Buffer.from([wholeText]), length, Buffer.alloc(4), bytes]);
}

/** The first frame's text; null until it has come whole. */
function firstText(bytes: Buffer): { text: string; frameBytes: number } | null {
  if (bytes.length < 2) return null;
  const short = bytes[1]! & 0x7f;
  const start = short === wide ? 4 : short === wider ? 10 : 2;
  if (bytes.length < start) return null;
  const length =
    short === wide ? bytes.readUInt16BE(2) : short === wider ? Number(bytes.readBigUInt64BE(2)) : short;
  if (bytes.length < start + length) return null;
  return { text: bytes.subarray(start, start + length).toString(), frameBytes: start + length };
}
