import { readdirSync } from "node:fs";
import type { Cluster } from "../cluster";
import { residentBytes } from "../resident-memory";
import { settledMemory } from "./settled-memory";

/** What one process held at one time, while it served and once its garbage was collected. Bytes. */
export interface HeldMemory {
  /** Resident memory. */
  readonly residentBytes: number;
  /** JavaScript values that are in use. */
  readonly heapBytes: number;
  /**
   * Resident memory besides JavaScript's heap, garbage collected: native code's, buffers, the program itself.
   */
  readonly otherBytes: number;
  /** Open files and sockets. */
  readonly files: number;
}

/** What one process held over a run. */
export interface MemoryReport {
  readonly before: HeldMemory;
  readonly quarter: HeldMemory;
  readonly half: HeldMemory;
  readonly end: HeldMemory;
  /**
   * How much it grew from a quarter to the end if it always grew as in the median of the windows in between.
   * A leak grows in all of them; what grows once, as a heap that has found its size, in one.
   */
  readonly steadyHeapBytes: number;
  readonly steadyOtherBytes: number;
  /** Straight line through the readings of resident memory in the last three quarters. */
  readonly residentBytesPerThousand: number;
}

/** Shares of a run at which memory is settled: at its start, and at the ends of windows of one size. */
export const settledShares = [0, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1];
const [quarterAt, halfAt] = [settledShares.indexOf(0.25), settledShares.indexOf(0.5)];

interface Reading {
  readonly share: number;
  readonly bytes: number;
}

/** Follows one process's memory over a run. */
export class MemoryTrack {
  private readonly readings: Reading[] = [];
  private readonly held: HeldMemory[] = [];

  constructor(
    private readonly cluster: Cluster,
    private readonly name: string,
  ) {}

  /** Notes resident memory when this share (0..1) of the run is done. */
  read(share: number): void {
    this.readings.push({ share, bytes: residentBytes(this.cluster.pidOf(this.name)) });
  }

  /** Notes all that the process holds, at each of `settledShares`; nothing should be under way. */
  async settle(): Promise<void> {
    const pid = this.cluster.pidOf(this.name);
    const held = { residentBytes: residentBytes(pid), files: readdirSync(`/proc/${pid}/fd`).length };
    this.held.push({ ...held, ...(await settledMemory(this.cluster, this.name)) });
  }

  /** `thousands`: operations of the whole run. */
  report(thousands: number): MemoryReport {
    const [before, quarter, half, end] = [0, quarterAt, halfAt, settledShares.length - 1].map(
      (at) => this.held[at],
    );
    if (!before || !quarter || !half || !end) throw new Error("memory was not settled at every share");
    const windows = this.held.slice(quarterAt);
    return {
      ...{ before, quarter, half, end },
      steadyHeapBytes: steadyGrowth(windows.map(({ heapBytes }) => heapBytes)),
      steadyOtherBytes: steadyGrowth(windows.map(({ otherBytes }) => otherBytes)),
      residentBytesPerThousand: slope(this.readings.filter(({ share }) => share >= 0.25)) / thousands,
    };
  }
}

function steadyGrowth(bytes: readonly number[]): number {
  const growths = bytes.slice(1).map((end, i) => end - bytes[i]!);
  const sorted = growths.sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const median = (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
  return median * growths.length;
}

/** Bytes per whole run, by least squares. */
function slope(readings: readonly Reading[]): number {
  const mean = (of: (r: Reading) => number) =>
    readings.reduce((sum, r) => sum + of(r), 0) / Math.max(1, readings.length);
  const [meanBytes, meanShare] = [mean(({ bytes }) => bytes), mean(({ share }) => share)];
  const over = readings.reduce((sum, r) => sum + (r.share - meanShare) * (r.bytes - meanBytes), 0);
  const under = readings.reduce((sum, r) => sum + (r.share - meanShare) ** 2, 0);
  return under === 0 ? 0 : over / under;
}
