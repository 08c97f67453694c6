import type { IncomingMessage } from "node:http";
import { createGunzip, createInflate } from "node:zlib";
import { Code, ServiceError, systemClock } from "@infaas/runtime";
import type { ByteBudget } from "./byte-budget";
import { HttpError } from "./http-status";

/** Largest body, also once it is decompressed: as much as a gRPC message may have. */
export const BODY_BYTES_MAX = 64 * 1024 * 1024;

/** Bytes of one body that are taken before other callers have their turn. */
const TURN_BYTES = 256 * 1024;

const decompressors = { gzip: createGunzip, deflate: createInflate } as const;

type Decompressor = (typeof decompressors)[keyof typeof decompressors];

/** A body that was received; `release` gives its memory back to the budget. */
export interface ReceivedBody {
  readonly bytes: Buffer;
  release(): void;
}

/**
 * Receives a request's body, decompressed as its Content-Encoding says (gzip or deflate). Neither the body nor what comes
 * out of it goes beyond the bound: HTTP 413. 415 for another encoding, RESOURCE_EXHAUSTED when all bodies together hold too much.
 */
export async function receiveBody(request: IncomingMessage, budget: ByteBudget): Promise<ReceivedBody> {
  const decompress = decompressorOf(request);
  const holding = new Holding(budget);
  try {
    const sent = await collect(request, holding);
    if (decompress === null) return { bytes: sent, release: () => holding.release() };
    const bytes = await decompressed(sent, decompress(), holding);
    return { bytes, release: () => holding.release() };
  } catch (error) {
    holding.release();
    throw error;
  }
}

/** What one request holds of the budget. */
class Holding {
  private bytes = 0;

  constructor(private readonly budget: ByteBudget) {}

  add(bytes: number): void {
    if (!this.budget.take(bytes)) {
      const sentence = `request bodies already hold nearly ${this.budget.max} bytes, all that they may; try again later`;
      throw new ServiceError(Code.RESOURCE_EXHAUSTED, sentence);
    }
    this.bytes += bytes;
  }

  release(): void {
    this.budget.give(this.bytes);
    this.bytes = 0;
  }
}

function decompressorOf(request: IncomingMessage): Decompressor | null {
  const encoding = request.headers["content-encoding"]?.trim().toLowerCase() ?? "identity";
  if (encoding === "identity" || encoding === "") return null;
  if (encoding === "gzip" || encoding === "deflate") return decompressors[encoding];
  throw new HttpError(
    415,
    Code.INVALID_ARGUMENT,
    `Content-Encoding is '${encoding}'; allowed: gzip, deflate`,
    {
      "accept-encoding": "gzip, deflate",
    },
  );
}

function collect(request: IncomingMessage, holding: Holding): Promise<Buffer> {
  const announced = Number(request.headers["content-length"] ?? 0);
  if (announced > BODY_BYTES_MAX) throw tooLarge(announced);
  return new Promise((resolve, reject) => {
    const body = new GrowingBody(announced);
    let turnBytes = 0;
    request.on("data", (chunk: Buffer) => {
      try {
        const bytes = body.filled + chunk.byteLength;
        if (bytes > BODY_BYTES_MAX) throw tooLarge(bytes);
        holding.add(chunk.byteLength);
        body.add(chunk);
        turnBytes += chunk.byteLength;
        if (turnBytes < TURN_BYTES) return;
        turnBytes = 0;
        request.pause();
        systemClock.soon(() => request.resume());
      } catch (error) {
        request.pause();
        body.drop();
        reject(error);
      }
    });
    request.once("end", () => resolve(body.bytes));
    const gone = () =>
      reject(new ServiceError(Code.CANCELLED, "the caller went away before its body had come"));
    request.once("error", gone);
    request.once("close", gone);
  });
}

/** Room is made at once for a body that is announced as so large, and for so many times what has come of a larger one. */
const TRUSTED_BYTES = 1024 * 1024;
const GROWTH = 8;

/** A body that is put together as it comes, so that its end costs no more than its other parts. */
class GrowingBody {
  filled = 0;
  private memory: Buffer = NOTHING;

  constructor(private readonly announced: number) {}

  get bytes(): Buffer {
    return this.memory.subarray(0, this.filled);
  }

  add(chunk: Buffer): void {
    const bytes = this.filled + chunk.byteLength;
    // Most bodies come whole.
    if (this.filled === 0 && bytes >= this.announced) this.memory = chunk;
    else {
      if (bytes > this.memory.byteLength) this.grow(bytes);
      this.memory.set(chunk, this.filled);
    }
    this.filled = bytes;
  }

  drop(): void {
    this.memory = NOTHING;
    this.filled = 0;
  }

  private grow(bytes: number): void {
    const believed = Math.min(this.announced, Math.max(TRUSTED_BYTES, GROWTH * bytes));
    const larger = Buffer.allocUnsafe(Math.max(bytes, believed, 2 * this.memory.byteLength));
    larger.set(this.bytes);
    this.memory = larger;
  }
}

const NOTHING = Buffer.alloc(0);

/** Its memory is counted as it fills: a small body may hold much. */
function decompressed(sent: Buffer, stream: ReturnType<Decompressor>, holding: Holding): Promise<Buffer> {
  return new Promise<Buffer>((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    stream.on("data", (chunk: Buffer) => {
      try {
        bytes += chunk.byteLength;
        if (bytes > BODY_BYTES_MAX) throw tooLarge(null);
        holding.add(chunk.byteLength);
        chunks.push(chunk);
      } catch (error) {
        reject(error);
        stream.destroy();
      }
    });
    stream.once("end", () => resolve(Buffer.concat(chunks, bytes)));
    stream.once("error", (cause) => {
      const sentence = `request body cannot be decompressed: ${cause.message}`;
      reject(new ServiceError(Code.INVALID_ARGUMENT, sentence, { cause }));
    });
    stream.end(sent);
  });
}

function tooLarge(bytes: number | null): HttpError {
  const what =
    bytes === null ? "the decompressed body is larger than" : `${bytes} bytes of body came, more than`;
  const sentence = `${what} the ${BODY_BYTES_MAX} bytes that are taken`;
  // The rest of the body is not read: the connection cannot go on.
  return new HttpError(413, Code.INVALID_ARGUMENT, sentence, { connection: "close" });
}
