import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { type Clock, every, type Logger, ServiceError, type Timer } from "@infaas/runtime";
import { type TracedQuery, tracedQuery } from "./traced-query";

/** Traces held until they are written; so many go into one file at most. */
export const TRACES_HELD_MAX = 4_096;
/** Bytes written by one process; what comes then is dropped. */
export const TRACE_BYTES_MAX = 1024 ** 3;
/** Period in which traces are appended where all go into one file. */
const WRITE_PERIOD_MS = 1_000;

export interface TraceFileOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * A file of traces in Triton's format: a JSON array of objects, those of one trace by its `id`. All go into one file
 * whose array `close` ends; or each `frequency` of them into a file of their own, with a number as suffix.
 */
export class TraceFile {
  readonly path: string;
  private tracesPerFile = 0;
  private held: string[] = [];
  private id = 0;
  private files = 0;
  private bytes = 0;
  private hasBegun = false;
  private readonly timer: Timer;

  constructor(private readonly o: TraceFileOptions) {
    this.path = o.path;
    const failed = (error: unknown) => o.logger.error("traces were not written", { path: o.path, error });
    this.timer = every(o.clock, WRITE_PERIOD_MS, () => this.append(), failed);
  }

  /** Traces in one file; 0: all are in one. */
  get frequency(): number {
    return this.tracesPerFile;
  }

  set frequency(tracesPerFile: number) {
    this.writeHeld();
    this.tracesPerFile = tracesPerFile;
  }

  record(query: TracedQuery): void {
    if (this.held.length >= TRACES_HELD_MAX) return;
    this.id += 1;
    this.held.push(tracedQuery(this.id, query));
    if (this.tracesPerFile > 0 && this.held.length >= this.tracesPerFile) this.writeHeld();
  }

  /** Writes what is held, and ends the file that all are in. */
  close(): void {
    this.timer.cancel();
    this.writeHeld();
    if (this.hasBegun) this.write(this.path, "]\n", true);
  }

  private writeHeld(): void {
    if (this.tracesPerFile === 0) this.append();
    else if (this.held.length > 0) {
      this.write(`${this.path}.${this.files}`, `[${this.take()}]\n`, false);
      this.files += 1;
    }
  }

  private append(): void {
    if (this.tracesPerFile !== 0 || this.held.length === 0) return;
    this.write(this.path, `${this.hasBegun ? ",\n" : "["}${this.take()}`, this.hasBegun);
    this.hasBegun = true;
  }

  private take(): string {
    return this.held.splice(0).join(",\n");
  }

  private write(path: string, text: string, isMore: boolean): void {
    if (this.bytes > TRACE_BYTES_MAX) return;
    this.bytes += text.length;
    try {
      mkdirSync(dirname(path), { recursive: true });
      if (isMore) appendFileSync(path, text);
      else writeFileSync(path, text);
      if (this.bytes > TRACE_BYTES_MAX)
        this.o.logger.warn("no more traces are written", { path, bytes: this.bytes });
    } catch (fault) {
      this.o.logger.error("traces were not written", { path, reason: ServiceError.from(fault).message });
    }
  }
}
