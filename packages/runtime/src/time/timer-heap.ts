import type { Timer } from "./clock";

/** A timer that was set. */
export interface DueTimer {
  readonly dueUs: number;
  readonly fire: () => void;
}

interface Entry extends DueTimer {
  readonly order: number;
  /** Place in the heap; -1: it fired or was cancelled. */
  at: number;
}

/** Timers by due time, those of one time in the order in which they were added: O(log n) to add, cancel and take. */
export class TimerHeap {
  private readonly entries: Entry[] = [];
  private added = 0;

  add(dueUs: number, fire: () => void): Timer {
    const entry: Entry = { dueUs, fire, order: this.added++, at: this.entries.length };
    this.entries.push(entry);
    this.rise(entry);
    return { cancel: () => this.remove(entry) };
  }

  /** Takes out the first timer; null where none is due by `untilUs`. */
  takeDue(untilUs: number): DueTimer | null {
    const first = this.entries[0];
    if (first === undefined || first.dueUs > untilUs) return null;
    this.remove(first);
    return first;
  }

  private remove(entry: Entry): void {
    const { at } = entry;
    if (at < 0) return;
    entry.at = -1;
    const last = this.entries.pop()!;
    if (last === entry) return;
    this.put(last, at);
    this.rise(last);
    this.sink(last);
  }

  private rise(entry: Entry): void {
    for (;;) {
      const parent = this.entries[(entry.at - 1) >> 1];
      if (entry.at === 0 || parent === undefined || !isBefore(entry, parent)) return;
      this.swap(entry, parent);
    }
  }

  private sink(entry: Entry): void {
    for (;;) {
      const left = this.entries[2 * entry.at + 1];
      const right = this.entries[2 * entry.at + 2];
      const least = right !== undefined && isBefore(right, left!) ? right : left;
      if (least === undefined || !isBefore(least, entry)) return;
      this.swap(entry, least);
    }
  }

  private swap(a: Entry, b: Entry): void {
    const { at } = a;
    this.put(a, b.at);
    this.put(b, at);
  }

  private put(entry: Entry, at: number): void {
    entry.at = at;
    this.entries[at] = entry;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.dueUs === b.dueUs ? a.order < b.order : a.dueUs < b.dueUs;
}
