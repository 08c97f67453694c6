import { closeSync, fstatSync, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";
import { Code, ServiceError } from "@infaas/runtime";

/** Bytes read of a log at a time, and the most of its end that is looked at for its last lines. */
const LOG_CHUNK_BYTES_MAX = 1024 * 1024;

/** The log of one process, followed from its end. */
export interface LogFile {
  readonly process: string;
  readonly path: string;
}

/** Returns the logs of a data folder, by name. @throws ServiceError FAILED_PRECONDITION where there are none. */
export function logFilesOf(dataFolder: string): readonly LogFile[] {
  const folder = join(dataFolder, "logs");
  const names = attempt(() => readdirSync(folder)) ?? [];
  const logs = names.filter((name) => name.endsWith(".log")).sort();
  if (logs.length > 0)
    return logs.map((name) => ({ process: name.slice(0, -".log".length), path: join(folder, name) }));
  const sentence = `there are no logs in ${folder}; name the folder that 'infaas up' was started on with --data-dir`;
  throw new ServiceError(Code.FAILED_PRECONDITION, sentence);
}

/** What was appended to a log since it was last read; the first read has its last `count` lines. */
export class LogTail {
  private offset = 0;
  private identity = -1;
  private isFirst = true;
  private rest = "";

  constructor(
    private readonly path: string,
    private readonly count: number,
  ) {}

  /** Whole lines that came; none while the log is not there, and all of a new one that took its place. */
  read(): readonly string[] {
    const bytes = attempt(() => this.appended());
    if (bytes === null || bytes.length === 0) return [];
    const lines = (this.rest + bytes.toString("utf8")).split("\n");
    this.rest = lines.pop() ?? "";
    const whole = this.isFirst ? lines.slice(Math.max(0, lines.length - this.count)) : lines;
    this.isFirst = false;
    return whole;
  }

  private appended(): Buffer {
    const file = openSync(this.path, "r");
    try {
      const { size, ino } = fstatSync(file);
      if (ino !== this.identity || size < this.offset) {
        this.offset = this.isFirst ? Math.max(0, size - LOG_CHUNK_BYTES_MAX) : 0;
        this.rest = "";
      }
      this.identity = ino;
      const bytes = Buffer.alloc(Math.min(LOG_CHUNK_BYTES_MAX, size - this.offset));
      const read = readSync(file, bytes, 0, bytes.length, this.offset);
      this.offset += read;
      return bytes.subarray(0, read);
    } finally {
      closeSync(file);
    }
  }
}

/** Null: the file system did not. */
function attempt<T>(act: () => T): T | null {
  try {
    return act();
  } catch {
    return null;
  }
}
