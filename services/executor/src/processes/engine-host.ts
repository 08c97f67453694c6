import { trimHeap } from "@infaas/cuda-batcher";
import {
  type Clock,
  Code,
  every,
  type Logger,
  processUsage,
  type RpcServer,
  type Security,
  ServiceError,
  settledWithin,
  type Telemetry,
  type Timer,
} from "@infaas/runtime";
import type { EngineAnswer, EngineOptions } from "../engines/engine-port";
import { gatedEngines } from "../engines/gated-engines";
import { nativeEngines } from "../engines/native-engine";
import { paddingEngines } from "../engines/padded-engine";
import type { LinkPorts } from "../serving/link";
import { linkListenAddress } from "../serving/link-listen";
import { LinkServer } from "../serving/link-server";
import { NativeLinks } from "../serving/native-links";
import { QuerySpans } from "../serving/query-spans";
import { Reporter } from "../serving/reporter";
import { linkServer } from "../serving/server";
import { SharedMemory } from "../serving/shared-memory";
import { Adapters } from "./adapters";
import { CountedFigures } from "./counted-figures";
import type { EngineProcessConfig } from "./engine-process-config";
import { HostedEngine } from "./hosted-engine";
import { MemoryReclaim } from "./memory-reclaim";
import type { EngineFigures, ProcessOrder, ProcessReport, SentAnswer } from "./process-messages";

/** How often load and counters are told; also the sign of life that the executor waits for. */
export const FIGURES_PERIOD_MS = 250;
/** Time that answers on their way get when the process stops. */
const STOP_GRACE_MS = 500;

export interface EngineHostPorts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly security: Security;
  readonly telemetry: Telemetry;
  readonly report: (message: ProcessReport) => void;
}

/** The engines of one engine process, the links that queries come on, and what the executor is told of them. */
export class EngineHost {
  private readonly engines = new Map<number, Promise<HostedEngine>>();
  private readonly open = new Map<number, HostedEngine>();
  private readonly serving = new Map<string, HostedEngine>();
  /** Which engine served a variant last; its figures are told under it. */
  private readonly served = new Map<string, HostedEngine>();
  private readonly figures: CountedFigures;
  private readonly spans: QuerySpans;
  private readonly memory = new SharedMemory();
  private readonly adapters: Adapters;
  private readonly reclaim: MemoryReclaim;
  private readonly links: LinkServer;
  private readonly server: RpcServer;
  private nativeLinks: NativeLinks | null = null;
  private timer: Timer | null = null;
  private utilisation = 0;
  private memoryFreeBytes = 0;
  /** When it was last seen that a query ran or waited, or a model was loaded. */
  private busyAtMs = Number.NEGATIVE_INFINITY;

  private constructor(
    private readonly config: EngineProcessConfig,
    private readonly ports: EngineHostPorts,
  ) {
    const { clock, logger, security, telemetry } = ports;
    this.spans = new QuerySpans(clock, telemetry.tracer);
    this.figures = new CountedFigures(ports.clock, (variant, taken) =>
      this.spans.recordDirect(variant, taken),
    );
    this.adapters = new Adapters({ clock, logger, memoryBytes: config.dataBytesMax });
    const { residentBytes } = processUsage;
    this.reclaim = new MemoryReclaim({ clock, logger, residentBytes, trimHeap });
    this.links = new LinkServer(this.linkPorts());
    this.server = linkServer({ logger, security, links: this.links });
  }

  /** Listens and tells the ports. */
  static async open(config: EngineProcessConfig, ports: EngineHostPorts): Promise<EngineHost> {
    const host = new EngineHost(config, ports);
    await host.listen();
    return host;
  }

  async obey(order: ProcessOrder): Promise<void> {
    switch (order.kind) {
      case "open":
        return await this.openEngine(order.engine, order.slot, order.options);
      case "submit":
        return await this.submit(order);
      case "drain":
      case "close":
        return await this.leave(order);
      case "serve":
        return this.serve(order.variant, order.engine);
      case "weight":
        return this.open.get(order.engine)?.readyEngine.setCoreWeight?.(order.weight);
      case "host":
        this.utilisation = order.utilisation;
        this.memoryFreeBytes = order.memoryFreeBytes;
        return;
      case "announce-draining":
        this.links.announceDraining();
        this.nativeLinks?.announceDraining();
        return;
      case "stop":
        return await this.stop();
      case "start":
        throw new ServiceError(Code.INTERNAL, "an engine process was started twice: this is a bug");
    }
  }

  private async listen(): Promise<void> {
    const { config, ports } = this;
    const port = await this.server.listen(config.listen);
    const address = linkListenAddress(config);
    if (address !== null) {
      const access = { members: ports.security.members, logger: ports.logger };
      this.nativeLinks = await NativeLinks.open(address, this.linkPorts(), access);
    }
    ports.report({ kind: "listening", port, linkPort: this.nativeLinks?.port ?? null });
    this.timer = every(
      ports.clock,
      FIGURES_PERIOD_MS,
      () => this.tell(),
      () => undefined,
    );
  }

  private linkPorts(): LinkPorts {
    const { clock } = this.ports;
    const executor = { name: this.config.name, instance: (variant: string) => this.serving.get(variant) };
    const host = this;
    const load = {
      get memoryFreeBytes() {
        return host.memoryFreeBytes;
      },
    };
    return {
      clock,
      executor,
      reporter: new Reporter(load, { value: () => this.utilisation }, clock),
      figures: this.figures,
      spans: this.spans,
      memory: this.memory,
      adapters: this.adapters,
      inFlightMax: this.config.linkInFlightMax,
    };
  }

  private async openEngine(engine: number, slot: number, options: EngineOptions): Promise<void> {
    const { journalPath: path, coreGate: gate } = this.config;
    if (options.adapter !== undefined) this.adapters.prepare();
    const opening = paddingEngines(gatedEngines(nativeEngines, gate === null ? null : { gate }))
      .open({ ...options, journal: { path, firstSlot: slot } })
      .then((opened) => new HostedEngine(options, opened, this.ports.clock));
    this.engines.set(engine, opening);
    try {
      const hosted = await opening;
      this.open.set(engine, hosted);
      const { inputs, optionalInputs, outputs, batchable, maxBatch, unbatchedReason } = hosted.readyEngine;
      const { axisLimits = [] } = hosted.readyEngine;
      const tensors = { inputs, optionalInputs, outputs, axisLimits };
      const described = { ...tensors, batchable, maxBatch, unbatchedReason };
      this.ports.report({ kind: "opened", engine, ...described });
    } catch (fault) {
      this.engines.delete(engine);
      const { code, message } = ServiceError.from(fault);
      this.ports.report({ kind: "not-opened", engine, code, message });
    }
  }

  private async submit({
    call,
    engine,
    inputs,
    query,
  }: Extract<ProcessOrder, { kind: "submit" }>): Promise<void> {
    try {
      const hosted = await this.engine(engine);
      const answer = await hosted.submit(inputs, { ...query, signal: null });
      const sent = copyOf(answer);
      answer.release();
      this.ports.report({ kind: "answered", call, answer: sent });
    } catch (fault) {
      const { code, message } = ServiceError.from(fault);
      this.ports.report({ kind: "failed", call, code, message });
    }
  }

  private async leave({
    kind,
    call,
    engine,
  }: Extract<ProcessOrder, { kind: "drain" | "close" }>): Promise<void> {
    const hosted = await this.engines.get(engine)?.catch(() => null);
    if (kind === "drain") await hosted?.readyEngine.drain();
    else if (hosted !== undefined && hosted !== null) await this.close(engine, hosted);
    this.ports.report({ kind: "done", call });
  }

  private async close(engine: number, hosted: HostedEngine): Promise<void> {
    if (this.serving.get(hosted.variant) === hosted) this.serve(hosted.variant, null);
    await hosted.readyEngine.close();
    this.engines.delete(engine);
    this.tell();
    this.open.delete(engine);
    this.reclaim.freed();
    if (this.served.get(hosted.variant) === hosted) this.served.delete(hosted.variant);
  }

  private serve(variant: string, engine: number | null): void {
    const hosted = engine === null ? undefined : this.open.get(engine);
    if (hosted === undefined) this.serving.delete(variant);
    else {
      this.serving.set(variant, hosted);
      this.served.set(variant, hosted);
    }
    this.nativeLinks?.serve(variant, hosted);
  }

  private async engine(engine: number): Promise<HostedEngine> {
    const hosted = await this.engines.get(engine);
    if (hosted !== undefined) return hosted;
    throw new ServiceError(Code.UNAVAILABLE, "the engine is closed");
  }

  private tell(): void {
    this.figures.collect();
    const engines = [...this.open].map(([engine, hosted]) => ({
      engine,
      ...hosted.figures(),
      ...(this.served.get(hosted.variant) === hosted ? this.figures.take(hosted.variant) : NOTHING),
    }));
    this.ports.report({ kind: "figures", cpuUs: processUsage.cpuUs(), engines });
    const opened = [...this.open.values()].map(({ readyEngine }) => readyEngine);
    void this.reclaim.look(opened, this.idleMs(engines));
  }

  /** Time since there was something to do: a query, or a model to load. */
  private idleMs(engines: readonly Pick<EngineFigures, "inFlight" | "runningRows" | "idleMs">[]): number {
    const nowMs = this.ports.clock.nowMs();
    const isLoading = this.engines.size > this.open.size;
    if (isLoading || engines.some(({ inFlight, runningRows }) => inFlight + runningRows > 0))
      this.busyAtMs = nowMs;
    return Math.min(nowMs - this.busyAtMs, ...engines.map(({ idleMs }) => idleMs));
  }

  private async stop(): Promise<void> {
    this.timer?.cancel();
    this.links.close();
    const closing = [this.nativeLinks?.close(), this.server.stop(STOP_GRACE_MS)];
    await settledWithin(this.ports.clock, Promise.all(closing), STOP_GRACE_MS);
    this.memory.close();
    this.adapters.stop();
    await settledWithin(this.ports.clock, this.ports.telemetry.shutdown(), STOP_GRACE_MS);
  }
}

/** The answer with memory of its own; nothing else of it leaves the process. */
function copyOf({
  outputs,
  outputDims,
  batchSize,
  queueMs,
  gatherMs,
  runMs,
  scatterMs,
}: EngineAnswer): SentAnswer {
  const copies = outputs.map((bytes) => bytes.slice());
  return { outputs: copies, outputDims, batchSize, queueMs, gatherMs, runMs, scatterMs };
}

const NOTHING = { servedRows: 0, refused: 0, batches: [] };
