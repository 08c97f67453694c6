import { type ChildProcess, fork } from "node:child_process";
import { extname, join } from "node:path";
import type { AdapterOrder, AdapterReport } from "./adapter-messages";

export interface AdapterChildOptions {
  /** Memory it may have beside what it starts with, bytes. */
  readonly memoryBytesMax: number;
  /** Node's own options for the child; default: those of this process. */
  readonly execArgv?: readonly string[];
}

export interface AdapterChildEvents {
  report(report: AdapterReport): void;
  /** Called once when the process ended, with how it did. */
  end(how: string): void;
}

/** One life of an adapter process. It has no environment of its executor's, and ends with it. */
export class AdapterChild {
  private readonly child: ChildProcess;
  private ended = false;

  constructor({ memoryBytesMax, execArgv }: AdapterChildOptions, events: AdapterChildEvents) {
    const { PATH, LD_LIBRARY_PATH, CB_ONNXRUNTIME_LIB } = process.env;
    // TypeScript when run from sources, JavaScript when built: as this file is.
    this.child = fork(join(__dirname, `adapter-process${extname(__filename)}`), [], {
      env: { PATH, LD_LIBRARY_PATH, CB_ONNXRUNTIME_LIB },
      serialization: "advanced",
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      ...(execArgv === undefined ? {} : { execArgv: [...execArgv] }),
    });
    this.child.on("message", (report: AdapterReport) => {
      if (!this.ended) events.report(report);
    });
    for (const end of ["close", "error"]) this.child.once(end, () => this.end(events));
    this.tell({ kind: "start", parentPid: process.pid, dataBytesMax: memoryBytesMax });
  }

  tell(order: AdapterOrder): void {
    this.child.send(order, () => undefined);
  }

  kill(): void {
    this.child.kill("SIGKILL");
  }

  private end(events: AdapterChildEvents): void {
    if (this.ended) return;
    this.ended = true;
    const { signalCode, exitCode } = this.child;
    events.end(signalCode === null ? `ended with status ${exitCode}` : `ended with ${signalCode}`);
  }
}
