import { batcherOptions, type OpenOptions } from "../open-options";
import { testing, type VirtualHandle } from "./native";

/** What became of a request that was submitted: it waits, cannot be in time, or finds no room. */
export type Admission = "accepted" | "late" | "full";

const admissions: readonly Admission[] = ["accepted", "late", "full"];

/** A batch that an engine begins. */
export interface Begun {
  /** Number of the engine, from 0; -1: none begins one. */
  readonly engine: number;
  readonly members: readonly number[];
  /** Requests that can no longer be in time, to be refused. */
  readonly dropped: readonly number[];
  readonly rows: number;
  /** Rows that the engine runs, at least `rows`. */
  readonly paddedRows: number;
  /** When to ask again where none begins; Infinity: at the next request or the end of a batch. */
  readonly startAtMs: number;
}

const NONE: readonly number[] = [];
/** Engine, rows, rows that the engine runs, when to ask again, members. */
const HEAD_NUMBERS = 5;

/**
 * The batcher on a clock of the caller's, without threads, rows and models: what is admitted, which requests share a batch
 * and when it begins is decided by the code that serves, for the times that it is told. Requests of more rows than the
 * largest batch, and those that share no batch, are not taken: the caller has to refuse them.
 */
export class VirtualBatcher {
  private readonly handle: VirtualHandle;
  private readonly head = new Float64Array(HEAD_NUMBERS);

  constructor(options: Omit<OpenOptions, "path" | "intraOpThreads">) {
    this.handle = testing().virtualOpen(batcherOptions({ ...options, path: "", intraOpThreads: 1 }, true));
  }

  /** `id` is unique among those that wait; `deadlineMs` Infinity: none; lane 0 is served first. */
  submit(id: number, nowMs: number, rows: number, deadlineMs: number, lane: number): Admission {
    return admissions[testing().virtualSubmit(this.handle, id, nowMs, rows, deadlineMs, lane)] ?? "full";
  }

  /** Takes a request out; false where it does not wait. */
  cancel(id: number): boolean {
    return testing().virtualCancel(this.handle, id);
  }

  /** To be called after each request and each end of a batch, until no engine begins one. */
  begin(nowMs: number): Begun {
    const { head } = this;
    const ids = testing().virtualBegin(this.handle, nowMs, head) ?? NONE;
    const count = head[4] ?? 0;
    const isWhole = count === ids.length;
    return {
      engine: head[0] ?? -1,
      members: isWhole ? ids : ids.slice(0, count),
      dropped: isWhole ? NONE : ids.slice(count),
      rows: head[1] ?? 0,
      paddedRows: head[2] ?? 0,
      startAtMs: head[3] ?? Number.POSITIVE_INFINITY,
    };
  }

  /** The batch of this engine has run until now. */
  ended(engine: number, nowMs: number): void {
    testing().virtualEnded(this.handle, engine, nowMs);
  }

  /** Takes out the requests whose deadline has passed. */
  late(nowMs: number): readonly number[] {
    return testing().virtualLate(this.handle, nowMs) ?? NONE;
  }

  /** Until all that waits or runs has run. */
  drainTimeMs(nowMs: number): number {
    return testing().virtualDrainTimeMs(this.handle, nowMs);
  }

  get queuedRows(): number {
    return testing().virtualQueuedRows(this.handle);
  }

  get runningRows(): number {
    return testing().virtualRunningRows(this.handle);
  }
}
