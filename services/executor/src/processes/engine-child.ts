import { type ChildProcess, fork } from "node:child_process";
import { rm } from "node:fs/promises";
import { extname, join } from "node:path";
import { readRunJournal } from "@infaas/cuda-batcher";
import {
  type Clock,
  Code,
  deferred,
  type Logger,
  ServiceError,
  settledWithin,
  type Timer,
} from "@infaas/runtime";
import type { EngineAnswer, EngineOptions } from "../engines/engine-port";
import { residentBytes } from "../profiling/confinement/resident-memory";
import type { EngineProcessConfig } from "./engine-process-config";
import { type JournaledEngine, judgeEnd, type ProcessEnd } from "./process-end";
import type { ProcessOrder, ProcessReport } from "./process-messages";
import { type EngineChannel, RemoteEngine } from "./remote-engine";

/** A process that told nothing for so long is killed: its JavaScript is stuck. It tells its figures every 250 ms. */
export const SILENCE_MAX_MS = 10_000;
/** A run that goes on for so long after it was asked to end is ended with its process. */
export const UNRESPONSIVE_MAX_MS = 2_000;
/** How long a process may take to listen, on a busy host. */
const START_MAX_MS = 60_000;
/** How long closing an engine may take before its process is killed. */
const CLOSE_MAX_MS = 10_000;
/** How long a process may take to stop by itself. */
const STOP_MAX_MS = 1_500;
/** Characters of the child's last output to stderr that tell why it ended. */
const LAST_WORDS_MAX = 300;

export interface EngineChildOptions {
  readonly config: EngineProcessConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Node's own options for the child; default: those of this process. */
  readonly execArgv?: readonly string[];
}

interface Call {
  resolve(answer: EngineAnswer | null): void;
  reject(fault: ServiceError): void;
}

interface Opened extends JournaledEngine {
  /** Null while it is being opened. */
  engine: RemoteEngine | null;
}

/** One life of an engine process: starting, up, ended. */
export class EngineChild implements EngineChannel {
  readonly process: string;
  /** Resolves when it listens; rejects when it ended before. */
  readonly listening: Promise<{ readonly port: number; readonly linkPort: number | null }>;
  private readonly child: ChildProcess;
  private readonly engines = new Map<number, Opened>();
  private readonly opening = new Map<
    number,
    { resolve(engine: RemoteEngine): void; reject(fault: ServiceError): void }
  >();
  private readonly calls = new Map<number, Call>();
  private readonly listenEvents = deferred();
  private ports: { readonly port: number; readonly linkPort: number | null } | null = null;
  private ended: ServiceError | null = null;
  private killedFor: { readonly why: string; readonly engine: JournaledEngine | null } | null = null;
  private stopping = false;
  private lastWords = "";
  private next = 1;
  private silence: Timer;
  private cpu = 0;

  /** `onEnd` is called once when the process ended, asked or not. */
  constructor(
    private readonly o: EngineChildOptions,
    private readonly onEnd: (end: ProcessEnd | null) => void,
  ) {
    this.process = o.config.name;
    this.child = start(o);
    this.silence = o.clock.setTimer(START_MAX_MS, () =>
      this.kill(`it did not start within ${START_MAX_MS} ms`),
    );
    this.child.stderr?.on("data", (chunk: Buffer) => {
      this.lastWords = (this.lastWords + chunk.toString()).slice(-LAST_WORDS_MAX);
    });
    this.child.on("message", (report: ProcessReport) => this.received(report));
    for (const end of ["close", "error"]) this.child.once(end, () => this.end());
    this.listening = this.listenEvents.promise.then(() => {
      if (this.ports !== null) return this.ports;
      throw this.ended ?? new ServiceError(Code.UNAVAILABLE, `${this.process} ended`);
    });
    this.listening.catch(() => undefined);
    this.tell({ kind: "start", config: o.config });
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  /** CPU time so far, microseconds. */
  get cpuUs(): number {
    return this.cpu;
  }

  get isEmpty(): boolean {
    return this.engines.size === 0;
  }

  /** Resident memory, bytes; null once it ended. */
  async residentBytes(): Promise<number | null> {
    return this.child.pid === undefined ? null : await residentBytes(this.child.pid);
  }

  /** Opens an engine in the process. Rejects with what opening fails with, or UNAVAILABLE when the process ends. */
  async open({ onProcess, ...options }: EngineOptions): Promise<RemoteEngine> {
    if (this.ports === null) {
      await this.listening;
      onProcess?.();
    }
    const number = this.next++;
    const firstSlot = this.freeSlot(options.concurrency);
    const variant = options.owner?.variant ?? options.path;
    this.engines.set(number, { variant, firstSlot, slots: options.concurrency, engine: null });
    return await new Promise<RemoteEngine>((resolve, reject) => {
      if (this.ended !== null) return reject(this.ended);
      this.opening.set(number, { resolve, reject });
      this.tell({ kind: "open", engine: number, slot: firstSlot, options });
    });
  }

  tell(order: ProcessOrder): void {
    if (this.ended === null) this.child.send(order, () => undefined);
  }

  call(make: (call: number) => ProcessOrder): Promise<EngineAnswer | null> {
    const number = this.next++;
    const order = make(number);
    const answer = new Promise<EngineAnswer | null>((resolve, reject) => {
      if (this.ended !== null) return reject(this.ended);
      this.calls.set(number, { resolve, reject });
      this.tell(order);
    });
    if (order.kind !== "close") return answer;
    const engine = this.engines.get(order.engine);
    const closed = answer.finally(() => this.engines.delete(order.engine));
    void settledWithin(this.o.clock, closed, CLOSE_MAX_MS).then((isClosed) => {
      if (!isClosed) this.kill(`an engine could not be closed within ${CLOSE_MAX_MS} ms`, engine);
    });
    return closed;
  }

  /** Ends the process within `STOP_MAX_MS`. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.tell({ kind: "stop" });
    const closed = new Promise<void>((resolve) => this.child.once("close", () => resolve()));
    if (this.ended !== null || (await settledWithin(this.o.clock, closed, STOP_MAX_MS))) return;
    this.child.kill("SIGKILL");
    await closed;
  }

  private received(report: ProcessReport): void {
    if (this.ended !== null) return;
    switch (report.kind) {
      case "listening":
        this.ports = report;
        this.listenEvents.resolve();
        this.heard();
        break;
      case "opened":
        this.opened(report);
        break;
      case "not-opened":
        this.engines.delete(report.engine);
        this.opening.get(report.engine)?.reject(new ServiceError(report.code, report.message));
        this.opening.delete(report.engine);
        break;
      case "figures":
        this.figures(report);
        break;
      default:
        this.settle(report);
    }
  }

  private figures({ cpuUs, engines }: Extract<ProcessReport, { kind: "figures" }>): void {
    this.heard();
    this.cpu = cpuUs;
    for (const figures of engines) {
      const opened = this.engines.get(figures.engine);
      opened?.engine?.received(figures);
      const { unresponsiveMs } = figures;
      if (unresponsiveMs > UNRESPONSIVE_MAX_MS)
        this.kill(`a run went on for ${Math.round(unresponsiveMs)} ms after it was asked to end`, opened);
    }
  }

  private settle(report: Extract<ProcessReport, { readonly call: number }>): void {
    const call = this.calls.get(report.call);
    this.calls.delete(report.call);
    if (report.kind === "answered") call?.resolve({ ...report.answer, release: () => undefined });
    else if (report.kind === "failed") call?.reject(new ServiceError(report.code, report.message));
    else call?.resolve(null);
  }

  private opened(report: Extract<ProcessReport, { kind: "opened" }>): void {
    const known = this.engines.get(report.engine);
    if (known === undefined) return;
    known.engine = new RemoteEngine(report.engine, report, this);
    this.opening.get(report.engine)?.resolve(known.engine);
    this.opening.delete(report.engine);
  }

  private heard(): void {
    this.silence.cancel();
    this.silence = this.o.clock.setTimer(SILENCE_MAX_MS, () =>
      this.kill(`it gave no sign of life for ${SILENCE_MAX_MS} ms`),
    );
  }

  private kill(why: string, engine: JournaledEngine | null = null): void {
    this.killedFor ??= { why, engine };
    this.child.kill("SIGKILL");
  }

  private freeSlot(count: number): number {
    const taken = [...this.engines.values()].sort((a, b) => a.firstSlot - b.firstSlot);
    let free = 0;
    for (const { firstSlot, slots } of taken) {
      if (firstSlot - free >= count) break;
      free = firstSlot + slots;
    }
    return free;
  }

  private end(): void {
    if (this.ended !== null) return;
    this.silence.cancel();
    const end = this.stopping ? null : this.reasonOfEnd();
    const why = end === null ? "it was stopped" : end.reason;
    this.ended = new ServiceError(Code.UNAVAILABLE, `engine process ${this.process}: ${why}`);
    this.listenEvents.resolve();
    for (const { reject } of [...this.opening.values(), ...this.calls.values()]) reject(this.ended);
    this.opening.clear();
    this.calls.clear();
    for (const { variant, engine } of this.engines.values()) {
      const suspect = end?.suspects.includes(variant) ?? false;
      const reason = suspect ? `its engine process ${why} while it ran a batch` : `its engine process ${why}`;
      engine?.lost({ reason, suspect });
    }
    this.engines.clear();
    this.onEnd(end);
    void rm(this.o.config.journalPath, { force: true });
  }

  private reasonOfEnd(): ProcessEnd {
    const { signalCode, exitCode } = this.child;
    const how = signalCode === null ? `ended with status ${exitCode}` : `ended with ${signalCode}`;
    const said = this.lastWords.trim() === "" ? "" : `: ${this.lastWords.trim()}`;
    const engines = [...this.engines.values()];
    return judgeEnd({
      reason: this.killedFor === null ? `${how}${said}` : `was ended because ${this.killedFor.why}`,
      runs: readRunJournal(this.o.config.journalPath),
      engines,
      opening: engines.filter(({ engine }) => engine === null).map(({ variant }) => variant),
      accused: this.killedFor?.engine ?? null,
    });
  }
}

function start({ execArgv }: EngineChildOptions): ChildProcess {
  // TypeScript when run from sources, JavaScript when built: as this file is.
  const entry = join(__dirname, `engine-process${extname(__filename)}`);
  return fork(entry, [], {
    serialization: "advanced",
    stdio: ["ignore", "inherit", "pipe", "ipc"],
    ...(execArgv === undefined ? {} : { execArgv: [...execArgv] }),
  });
}
