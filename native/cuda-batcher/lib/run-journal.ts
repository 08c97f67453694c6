import { readFileSync } from "node:fs";
import { journalSlotLayout } from "./run-journal-layout";

const { members, written, signal, queries, stride } = journalSlotLayout;

/** What one engine thread had under way. */
export interface JournalRun {
  /** Place of the thread: its batcher's `journal.firstSlot` and the threads after it. */
  readonly slot: number;
  /** Ids of the queries, as their links number them; 0 is one that came from JavaScript. Of a large batch the first 253. */
  readonly queryIds: readonly number[];
  /** Whether a thread that computed it raised a fatal signal; of a model with several threads, whether one of its runs did. */
  readonly fatal: boolean;
}

/**
 * Returns the runs that were under way when the process that wrote the journal at `path` ended, in order of their slots;
 * none when there is no such file.
 */
export function readRunJournal(path: string): JournalRun[] {
  const bytes = contentOf(path);
  const numbers = new Uint32Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.length / 4));
  const runs: JournalRun[] = [];
  for (let at = 0; at + stride <= numbers.length; at += stride) {
    if (numbers[at + members] === 0) continue;
    const count = Math.min(numbers[at + written]!, stride - queries);
    runs.push({
      slot: at / stride,
      queryIds: [...numbers.subarray(at + queries, at + queries + count)],
      fatal: numbers[at + signal] !== 0,
    });
  }
  return runs;
}

function contentOf(path: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(path));
  } catch {
    return new Uint8Array();
  }
}
