import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { CoreGate } from "@infaas/cuda-batcher";
import {
  type Clock,
  Code,
  deferred,
  every,
  type Logger,
  type Random,
  ServiceError,
  settledWithin,
  type Timer,
  withPort,
} from "@infaas/runtime";
import type { Engine, EngineOptions, EnginePort } from "../engines/engine-port";
import { EngineChild } from "./engine-child";
import type { EngineProcessConfig } from "./engine-process-config";
import type { ProcessEnd } from "./process-end";
import { RemoteEngine } from "./remote-engine";
import { type Isolation, processNameOf, SHARED, Suspicions } from "./suspicion";

/** How often the figures of the host are told to every process, and memory is looked at. */
const HOST_PERIOD_MS = 250;
/** Writable memory of a process beside that of its models, bytes: JavaScript, and buffers of links. */
const HEADROOM_BYTES = 1024 ** 3;

export interface EngineProcessesOptions {
  readonly isolation: Exclude<Isolation, "none">;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** The cores that all of them share; null: they are not shared out. */
  readonly cores: Pick<CoreGate, "path" | "forget"> | null;
  /** Folder for run journals. */
  readonly folder: string;
  /** Memory that all instances may take, bytes. */
  readonly memoryBytes: number;
  /** What the processes have of the executor's options. */
  readonly config: Omit<
    EngineProcessConfig,
    "name" | "journalPath" | "coreGate" | "parentPid" | "dataBytesMax"
  >;
  /** Node's own options for the processes; default: those of this one. */
  readonly execArgv?: readonly string[];
}

/** An engine process as frontends are told of it. */
export interface EngineProcessLine {
  readonly name: string;
  readonly port: number;
  /** Null: links inside gRPC only. */
  readonly linkPort: number | null;
  readonly incarnation: string;
  readonly residentBytes: number;
}

interface Living {
  readonly child: EngineChild;
  readonly incarnation: string;
  ports: { readonly port: number; readonly linkPort: number | null } | null;
  residentBytes: number;
  /** What it had before its first engine. */
  startBytes: number;
  readonly ended: ReturnType<typeof deferred>;
}

/** How long the end of a process is waited for by who has lost its links. */
const END_WAIT_MS = 500;
/** Ends of processes that are remembered for frontends that ask. */
const ENDS_MAX = 64;

/** The engine processes of an executor. A variant that was running when one ended gets a process of its own (decision 0031). */
export class EngineProcesses implements EnginePort {
  private readonly living = new Map<string, Living>();
  private readonly suspicions = new Suspicions();
  private readonly ends = new Map<string, ProcessEnd>();
  private readonly timer: Timer;
  private readonly listeners: (() => void)[] = [];
  private host = { utilisation: 0, memoryFreeBytes: 0 };
  private endedCpuUs = 0;
  private isDraining = false;
  private stopping = false;

  constructor(private readonly o: EngineProcessesOptions) {
    mkdirSync(o.folder, { recursive: true });
    if (o.isolation === "shared") this.process(SHARED);
    this.timer = every(
      o.clock,
      HOST_PERIOD_MS,
      () => this.look(),
      () => undefined,
    );
  }

  async open(options: EngineOptions): Promise<Engine> {
    const owner = options.owner ?? { variant: options.path, architecture: options.path };
    const rest = this.suspicions.restOf(owner.variant, this.o.clock.nowMs());
    if (rest !== null) throw new ServiceError(Code.UNAVAILABLE, rest);
    const name = processNameOf(owner, this.o.isolation, this.suspicions.suspects(owner.variant));
    return await this.process(name).child.open(options);
  }

  /** Which engine answers for a variant from now on, wherever it runs; undefined: none. */
  serve(variant: string, engine: Engine | null | undefined): void {
    if (engine instanceof RemoteEngine) engine.serve(variant);
    for (const [name, { child }] of this.living)
      if (name !== engine?.process) child.tell({ kind: "serve", variant, engine: null });
  }

  /** Calls `listener` after a process came or went. */
  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }

  /** Processes that serve links. */
  lines(): readonly EngineProcessLine[] {
    return [...this.living].flatMap(([name, { ports, incarnation, residentBytes }]) =>
      ports === null ? [] : [{ name, ...ports, incarnation, residentBytes }],
    );
  }

  /**
   * How a process of this incarnation ended; null: it lives, or nothing is known of it. Whoever asks has lost its links, so
   * a process that lives is given `END_WAIT_MS` to end.
   */
  async endOf(incarnation: string): Promise<ProcessEnd | null> {
    const living = [...this.living.values()].find((known) => known.incarnation === incarnation);
    if (living !== undefined) await settledWithin(this.o.clock, living.ended.promise, END_WAIT_MS);
    return this.ends.get(incarnation) ?? null;
  }

  /** Memory that engines and queries take in all processes, bytes: resident beside what a process starts with. */
  get takenBytes(): number {
    let sum = 0;
    for (const { residentBytes, startBytes } of this.living.values())
      sum += Math.max(0, residentBytes - startBytes);
    return sum;
  }

  /** CPU time of all processes so far, those that ended included, microseconds. */
  get cpuUs(): number {
    let sum = this.endedCpuUs;
    for (const { child } of this.living.values()) sum += child.cpuUs;
    return sum;
  }

  /** Sets the figures of the host that go with every answer. */
  tellHost(host: { readonly utilisation: number; readonly memoryFreeBytes: number }): void {
    this.host = host;
  }

  /** Asks every frontend to send no more. */
  announceDraining(): void {
    this.isDraining = true;
    for (const { child } of this.living.values()) child.tell({ kind: "announce-draining" });
  }

  async stop(): Promise<void> {
    this.stopping = true;
    this.timer.cancel();
    await Promise.all([...this.living.values()].map(({ child }) => child.stop()));
  }

  private process(name: string): Living {
    const known = this.living.get(name);
    if (known !== undefined) return known;
    const { config, clock, random, logger, cores, folder, memoryBytes, execArgv } = this.o;
    const incarnation = random.hex(8);
    const child = new EngineChild(
      {
        config: {
          ...config,
          name,
          // The configured port is one process's; the others take any.
          ...(name === SHARED ? {} : { linkListen: config.linkListen && anyPort(config.linkListen) }),
          journalPath: join(folder, incarnation),
          coreGate: cores?.path ?? null,
          parentPid: process.pid,
          // A query may take what the executor has: how many do at a time is not known before.
          dataBytesMax: HEADROOM_BYTES + memoryBytes,
        },
        clock,
        logger,
        ...(execArgv === undefined ? {} : { execArgv }),
      },
      (end) => this.ended(name, living, end),
    );
    const living: Living = {
      child,
      incarnation,
      ports: null,
      residentBytes: 0,
      startBytes: 0,
      ended: deferred(),
    };
    this.living.set(name, living);
    child.listening.then(
      (ports) => {
        living.ports = ports;
        void child.residentBytes().then((bytes) => {
          living.startBytes = bytes ?? 0;
        });
        if (this.isDraining) child.tell({ kind: "announce-draining" });
        for (const listener of this.listeners) listener();
      },
      () => undefined,
    );
    return living;
  }

  private ended(name: string, living: Living, end: ProcessEnd | null): void {
    if (this.living.get(name) === living) this.living.delete(name);
    this.endedCpuUs += living.child.cpuUs;
    const { pid } = living.child;
    if (pid !== undefined) void this.freeCores(name, pid);
    if (end !== null) {
      const { reason, suspects } = end;
      this.o.logger.warn("engine process ended", { process: name, reason, suspects });
      const nowMs = this.o.clock.nowMs();
      for (const variant of suspects) this.suspicions.add(variant, reason, nowMs);
      this.ends.set(living.incarnation, end);
      for (const oldest of this.ends.keys()) if (this.ends.size > ENDS_MAX) this.ends.delete(oldest);
    }
    living.ended.resolve();
    for (const listener of this.listeners) listener();
  }

  private async freeCores(process: string, pid: number): Promise<void> {
    if (this.o.cores === null || (await this.o.cores.forget(pid))) return;
    this.o.logger.warn("cores that an ended engine process held could not be freed", { process });
  }

  private async look(): Promise<void> {
    for (const [name, living] of this.living) {
      living.child.tell({ kind: "host", ...this.host });
      living.residentBytes = (await living.child.residentBytes()) ?? 0;
      if (name !== SHARED && living.ports !== null && living.child.isEmpty && !this.stopping)
        void living.child.stop();
    }
  }
}

function anyPort(listen: string): string {
  return listen === "none" ? listen : withPort(listen, 0);
}
