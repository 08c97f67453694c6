import { readFile } from "node:fs/promises";
import { Code, ServiceError } from "../errors";
import type { Logger } from "../process/logger";
import { type Clock, every, type Timer } from "../time/clock";

/**
 * How often watched files are read again. They are small; reading also sees renames and replaced links, which
 * inotify does not.
 */
export const RELOAD_PERIOD_MS = 1_000;

export interface WatchedFilesOptions<T> {
  /** For messages: `certificate`, `tokens`. */
  readonly what: string;
  readonly paths: readonly string[];
  /** Makes the value from the files' contents, in the order of `paths`; throws what is wrong with them. */
  read(contents: readonly Buffer[]): T;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * A value that follows its files while the process runs. Files that cannot be read or do not fit together are
 * logged, and the last good value stays: a certificate that is being replaced must not stop a server.
 */
export class WatchedFiles<T> {
  private readonly listeners = new Set<(value: T) => void>();
  private readonly timer: Timer;
  private faulty = false;

  /** FAILED_PRECONDITION naming the files when they cannot be read now. */
  static async open<T>(o: WatchedFilesOptions<T>): Promise<WatchedFiles<T>> {
    try {
      const contents = await readAll(o.paths);
      return new WatchedFiles(o, contents, o.read(contents));
    } catch (cause) {
      const message = `${o.what} cannot be taken from ${o.paths.join(", ")}: ${(cause as Error).message}`;
      throw new ServiceError(Code.FAILED_PRECONDITION, message, { cause });
    }
  }

  private constructor(
    private readonly o: WatchedFilesOptions<T>,
    private contents: readonly Buffer[],
    private current: T,
  ) {
    this.timer = every(
      o.clock,
      RELOAD_PERIOD_MS,
      () => this.reload(),
      (fault) => this.blame(fault),
    );
  }

  get value(): T {
    return this.current;
  }

  /** Calls `f` with every later value; the function returned ends it. */
  onChange(f: (value: T) => void): () => void {
    this.listeners.add(f);
    return () => this.listeners.delete(f);
  }

  close(): void {
    this.timer.cancel();
  }

  private async reload(): Promise<void> {
    const contents = await readAll(this.o.paths);
    if (contents.every((bytes, i) => bytes.equals(this.contents[i] ?? Buffer.alloc(0)))) return;
    this.current = this.o.read(contents);
    this.contents = contents;
    this.faulty = false;
    this.o.logger.info(`${this.o.what} reloaded`, { files: this.o.paths });
    for (const listener of this.listeners) listener(this.current);
  }

  /** Logs the first of a row of faults. */
  private blame(fault: unknown): void {
    if (!this.faulty) {
      const { message } = fault as Error;
      this.o.logger.warn(`${this.o.what} stays as it was: its files are faulty`, { reason: message });
    }
    this.faulty = true;
  }
}

function readAll(paths: readonly string[]): Promise<Buffer[]> {
  return Promise.all(paths.map((path) => readFile(path)));
}
