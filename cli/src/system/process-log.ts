import { closeSync, fstatSync, openSync, renameSync, writeSync } from "node:fs";

/** A log beyond this becomes `<path>.1`, in place of the one before. */
const LOG_BYTES_MAX = 64 * 1024 ** 2;

/**
 * The log of a process. What a full or broken disk does not take is lost and counted, and told of as soon as it
 * takes something again: the process and its supervisor go on.
 */
export class ProcessLog {
  private descriptor: number | null = null;
  private bytes = 0;
  private lostBytes = 0;
  private reason = "";

  constructor(
    private readonly path: string,
    private readonly bytesMax = LOG_BYTES_MAX,
  ) {}

  write(chunk: Buffer): void {
    try {
      const descriptor = this.opened();
      if (this.lostBytes > 0) {
        this.append(descriptor, Buffer.from(`${this.lostBytes} bytes of log were lost: ${this.reason}\n`));
        this.lostBytes = 0;
      }
      this.append(descriptor, chunk);
    } catch (error) {
      this.lostBytes += chunk.byteLength;
      this.reason = error instanceof Error ? error.message : String(error);
    }
  }

  close(): void {
    const { descriptor } = this;
    this.descriptor = null;
    if (descriptor !== null) attempt(() => closeSync(descriptor));
  }

  private opened(): number {
    // A log that can't be renamed goes on growing: what it has is worth more than its bound.
    if (this.descriptor !== null && this.bytes > this.bytesMax) {
      this.close();
      attempt(() => renameSync(this.path, `${this.path}.1`));
    }
    if (this.descriptor === null) {
      this.descriptor = openSync(this.path, "a");
      this.bytes = fstatSync(this.descriptor).size;
    }
    return this.descriptor;
  }

  private append(descriptor: number, chunk: Buffer): void {
    for (let at = 0; at < chunk.byteLength; ) {
      const count = writeSync(descriptor, chunk, at);
      at += count;
      this.bytes += count;
    }
  }
}

/** Does what the disk may refuse without consequence. */
function attempt(act: () => void): void {
  try {
    act();
  } catch {
    // The next write tells of it, if it still matters.
  }
}
