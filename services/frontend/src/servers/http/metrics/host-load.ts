import { cpus, freemem, totalmem } from "node:os";

/** Utilisation of this process's host. */
export interface HostFigures {
  /** Busy share of all its cores, 0 to 1. */
  readonly cpuUtilisation: number;
  readonly memoryTotalBytes: number;
  readonly memoryUsedBytes: number;
}

/** Cumulative time of all cores together, in ms. */
export interface CpuTimes {
  readonly busyMs: number;
  readonly totalMs: number;
}

/** The host's own cores since it was started. */
export function cpuTimes(): CpuTimes {
  let [busyMs, totalMs] = [0, 0];
  for (const { times } of cpus()) {
    const busy = times.user + times.nice + times.sys + times.irq;
    busyMs += busy;
    totalMs += busy + times.idle;
  }
  return { busyMs, totalMs };
}

/** Reads the load of a host between one reading and the next; the first tells it since this was made. */
export class HostLoad {
  private before: CpuTimes;
  private utilisation = 0;

  constructor(private readonly times: () => CpuTimes) {
    this.before = times();
  }

  read(): HostFigures {
    const now = this.times();
    const passedMs = now.totalMs - this.before.totalMs;
    // The system counts in hundredths of a second: two readings in one of them say nothing new.
    if (passedMs > 0) {
      this.utilisation = Math.min(1, Math.max(0, (now.busyMs - this.before.busyMs) / passedMs));
      this.before = now;
    }
    const memoryTotalBytes = totalmem();
    return {
      cpuUtilisation: this.utilisation,
      memoryTotalBytes,
      memoryUsedBytes: memoryTotalBytes - freemem(),
    };
  }
}
