import type { Random } from "@infaas/runtime";
import { below, pick } from "../fuzz/wire-mutator";

/** One input and what it cost. */
export interface Found {
  readonly bytes: Buffer;
  readonly costMs: number;
}

/** Inputs kept to go on from. */
const KEPT_MAX = 16;
/** Sizes that a part is repeated up to. */
const FILLED_BYTES = [4_096, 65_536, 1_048_576] as const;
/** Longest part that is repeated. */
const PART_BYTES_MAX = 256;
const DISLIKED = Buffer.from('[{"\\:,}]0\0\x01\x7f\x80\xff');

/** Looks for the bytes that cost most, from seeds on: what cost much is changed and tried again. */
export class CostSearch {
  private kept: Found[] = [];
  private next = 0;

  constructor(
    private readonly seeds: readonly Buffer[],
    private readonly bytesMax: number,
    private readonly random: Random,
  ) {}

  /** The costliest so far; null before anything was told. */
  get worst(): Found | null {
    return this.kept[0] ?? null;
  }

  /** Returns what to try next: each seed once, then changes of what cost most. */
  propose(): Buffer {
    const seed = this.seeds[this.next++];
    if (seed !== undefined) return seed;
    const { random } = this;
    // The better places are taken more often.
    const from = this.kept[Math.min(below(random, KEPT_MAX), below(random, KEPT_MAX), this.kept.length - 1)];
    let bytes = from?.bytes ?? pick(this.seeds, random);
    for (let changes = 1 + below(random, 3); changes > 0; changes--) bytes = this.change(bytes);
    return bytes.subarray(0, this.bytesMax);
  }

  /** Takes note of what an input cost. */
  tell(bytes: Buffer, costMs: number): void {
    this.kept.push({ bytes, costMs });
    this.kept.sort((a, b) => b.costMs - a.costMs);
    this.kept.splice(KEPT_MAX);
  }

  private change(bytes: Buffer): Buffer {
    const { random } = this;
    const at = below(random, bytes.length + 1);
    const end = Math.min(bytes.length, at + 1 + below(random, PART_BYTES_MAX));
    switch (below(random, 6)) {
      case 0:
      case 1: {
        const part = bytes.subarray(at, end);
        if (part.length === 0) return bytes;
        const room = Math.min(pick([...FILLED_BYTES, this.bytesMax], random), this.bytesMax) - bytes.length;
        const times = Math.max(1, Math.floor(room / part.length));
        return Buffer.concat([bytes.subarray(0, at), ...Array<Buffer>(times).fill(part), bytes.subarray(at)]);
      }
      case 2: {
        const other = pick(this.seeds, random);
        return Buffer.concat([bytes.subarray(0, at), other.subarray(below(random, other.length + 1))]);
      }
      case 3: {
        const changed = Buffer.from(bytes);
        if (at < changed.length) changed[at] = pick([...DISLIKED, below(random, 256)], random);
        return changed;
      }
      case 4:
        return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
      default: {
        const byte = Buffer.of(pick([...DISLIKED], random));
        return Buffer.concat([bytes.subarray(0, at), byte, bytes.subarray(at)]);
      }
    }
  }
}
