import { readdirSync, readFileSync } from "node:fs";

const pageBytes = 4096;
/** Readings that are averaged at each end of a growth: one alone may fall on a moment. */
const averaged = 5;

/** What one process held over a run. */
export interface MemoryReport {
  /** Resident memory: before, after a quarter, after half, at the end. */
  readonly beforeBytes: number;
  readonly quarterBytes: number;
  readonly halfBytes: number;
  readonly endBytes: number;
  /** From a quarter to the end. */
  readonly growthBytes: number;
  /** Straight line through the readings of the last three quarters. */
  readonly slopeBytesPerThousand: number;
  /** Open files and sockets, before and at the end. */
  readonly filesBefore: number;
  readonly filesEnd: number;
}

interface Reading {
  readonly share: number;
  readonly bytes: number;
}

/** Follows one process's resident memory over a run. */
export class MemoryTrack {
  private readonly readings: Reading[] = [];
  private readonly beforeBytes: number;
  private readonly filesBefore: number;

  constructor(private readonly pid: number) {
    this.beforeBytes = residentBytes(pid);
    this.filesBefore = openFiles(pid);
  }

  /** Notes what the process holds once this share (0..1) of the run is done. */
  read(share: number): void {
    this.readings.push({ share, bytes: residentBytes(this.pid) });
  }

  /** `thousands`: operations of the whole run. */
  report(thousands: number): MemoryReport {
    const later = this.readings.filter(({ share }) => share >= 0.25);
    const quarterBytes = mean(later.slice(0, averaged));
    const endBytes = mean(later.slice(-averaged));
    return {
      beforeBytes: this.beforeBytes,
      quarterBytes,
      halfBytes: mean(later.filter(({ share }) => share >= 0.5).slice(0, averaged)),
      endBytes,
      growthBytes: endBytes - quarterBytes,
      slopeBytesPerThousand: slope(later) / thousands,
      filesBefore: this.filesBefore,
      filesEnd: openFiles(this.pid),
    };
  }
}

function residentBytes(pid: number): number {
  const [, pages] = readFileSync(`/proc/${pid}/statm`, "utf8").split(" ");
  return Number(pages) * pageBytes;
}

function openFiles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

function mean(readings: readonly Reading[]): number {
  return readings.reduce((sum, { bytes }) => sum + bytes, 0) / Math.max(1, readings.length);
}

/** Bytes per whole run, by least squares. */
function slope(readings: readonly Reading[]): number {
  const meanBytes = mean(readings);
  const meanShare = readings.reduce((sum, { share }) => sum + share, 0) / Math.max(1, readings.length);
  const over = readings.reduce((sum, r) => sum + (r.share - meanShare) * (r.bytes - meanBytes), 0);
  const under = readings.reduce((sum, r) => sum + (r.share - meanShare) ** 2, 0);
  return under === 0 ? 0 : over / under;
}
