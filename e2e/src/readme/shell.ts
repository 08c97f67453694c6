import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

/** Longest time of one block, milliseconds; the first start profiles the zoo. */
const BLOCK_MAX_MS = 240_000;
/** What a system says last when it is up. */
const UP_WORDS = "Ctrl-C stops everything";
/** Times a block is run whose query came too late or found the queues full, which on a busy machine says nothing. */
const RUNS_MAX = 4;
const TOO_BUSY = /^(RESOURCE_EXHAUSTED|DEADLINE_EXCEEDED|UNAVAILABLE): /m;

/** How a block ended. */
export interface Ending {
  readonly status: number;
  /** Standard output and standard error, as a terminal has them. */
  readonly printed: string;
}

/** A reader's terminals in a clone: one in which the system runs, another for everything else. */
export class Shell {
  private system: ChildProcess | null = null;

  /** @param port Of the frontend's gRPC; what a page says of 8000 and 8001 is said of it. */
  constructor(
    private readonly clone: string,
    private readonly port: number,
  ) {}

  /** Runs commands as they are pasted; of one that starts the system it resolves once that is up, or has ended. */
  async run(commands: string): Promise<Ending> {
    const adapted = commands
      .replace(/^npm start(?: --)?/gm, `npm start -- --port ${this.port}`)
      .replaceAll("127.0.0.1:8000", `127.0.0.1:${this.port - 1}`);
    if (adapted.includes("npm start")) return this.start(adapted);
    let ending = await this.once(adapted);
    for (let run = 1; run < RUNS_MAX && ending.status !== 0 && TOO_BUSY.test(ending.printed); run++)
      ending = await this.once(adapted);
    return ending;
  }

  /** Resolves once the system that was started has ended. */
  private async systemEnded(): Promise<void> {
    const { system } = this;
    if (system !== null && system.exitCode === null && system.signalCode === null) await once(system, "exit");
    this.system = null;
  }

  /** Ends the system as Ctrl-C does, which reaches each process of the terminal. */
  async close(): Promise<void> {
    if (this.system?.exitCode === null && this.system.pid !== undefined)
      process.kill(-this.system.pid, "SIGINT");
    await this.systemEnded();
  }

  private async start(commands: string): Promise<Ending> {
    await this.systemEnded();
    const system = this.spawn(commands);
    this.system = system;
    return printedOf(system, UP_WORDS);
  }

  private once(commands: string): Promise<Ending> {
    return printedOf(this.spawn(commands));
  }

  private spawn(commands: string): ChildProcess {
    return spawn("bash", ["-e", "-o", "pipefail", "-c", commands], {
      cwd: this.clone,
      env: { ...process.env, INFAAS_ADDRESS: `127.0.0.1:${this.port}`, COLUMNS: "160" },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
  }
}

/** Resolves when a process has ended, or has printed `words`. */
function printedOf(child: ChildProcess, words?: string): Promise<Ending> {
  return new Promise((done, failed) => {
    let printed = "";
    const timer = setTimeout(() => {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      failed(new Error(`not over within ${BLOCK_MAX_MS} ms:\n${printed}`));
    }, BLOCK_MAX_MS);
    const end = (status: number) => {
      clearTimeout(timer);
      done({ status, printed });
    };
    for (const stream of [child.stdout, child.stderr])
      stream?.on("data", (chunk: Buffer) => {
        printed += chunk.toString();
        if (words !== undefined && printed.includes(words)) end(0);
      });
    child.once("error", failed);
    child.once("close", (status) => end(status ?? -1));
  });
}
