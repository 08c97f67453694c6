import type { NativeError } from "./native-error";
import type { Result } from "./result";

/** Called once with the answer, or with why there is none. */
export type Done = (error: NativeError | null, result: Result | null) => void;

/** A request between submit and delivery; it keeps the caller's arrays alive, which the engine reads. */
export interface Pending {
  inputs: readonly Uint8Array[];
  done: Done;
  /** Undoes the listener on the caller's signal. */
  unlisten: (() => void) | undefined;
  /** Its caller has been answered already; what the engine delivers is thrown away. */
  answered: boolean;
}

/** Pending requests by ticket: small dense numbers, used again once free. */
export class PendingTable {
  private readonly entries: (Pending | undefined)[] = [];
  private readonly free: number[] = [];
  private size = 0;
  private waiting: (() => void)[] = [];

  /** `elsewhere`: how many more are in flight that have no entry here; `settle` is called when that becomes none. */
  constructor(private readonly elsewhere: () => number) {}

  /** How many wait for their delivery. */
  get count(): number {
    return this.size;
  }

  /** The ticket the next `add` will give. */
  nextTicket(): number {
    return this.free.at(-1) ?? this.entries.length;
  }

  add(pending: Pending): number {
    const ticket = this.free.pop() ?? this.entries.length;
    this.entries[ticket] = pending;
    this.size++;
    return ticket;
  }

  take(ticket: number): Pending {
    const pending = this.entries[ticket]!;
    this.entries[ticket] = undefined;
    this.free.push(ticket);
    this.size--;
    return pending;
  }

  /** Calls those waiting until nothing is in flight, when nothing is. */
  settle(): void {
    if (this.size > 0 || this.waiting.length === 0 || this.elsewhere() > 0) return;
    const resumed = this.waiting;
    this.waiting = [];
    for (const resume of resumed) resume();
  }

  /** Resolves when nothing is pending, here or elsewhere. */
  idle(): Promise<void> {
    if (this.size === 0 && this.elsewhere() === 0) return Promise.resolve();
    return new Promise((resolve) => this.waiting.push(resolve));
  }
}
