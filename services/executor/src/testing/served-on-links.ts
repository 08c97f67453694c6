import {
  createLogger,
  deferred,
  type FinishedSpan,
  type Lifecycle,
  openSecurity,
  processUsage,
  systemClock,
} from "@infaas/runtime";
import type { EnginePort } from "../engines/engine-port";
import { Executor } from "../instances/executor";
import { LiveFigures } from "../instances/live-figures";
import { Utilisation } from "../instances/utilisation";
import type { VariantSpec } from "../instances/variant-spec";
import { ADAPTER_MEMORY_BYTES_MAX, Adapters } from "../processes/adapters";
import { ProfileQueue } from "../profiling/confinement/profile-queue";
import { LinkServer } from "../serving/link-server";
import { NativeLinks } from "../serving/native-links";
import { QuerySpans } from "../serving/query-spans";
import { Reporter } from "../serving/reporter";
import { executorServer } from "../serving/server";
import { SharedMemory } from "../serving/shared-memory";
import { GrpcCaller, type LinkCaller, PlainCaller } from "./link-caller";

export const transports = ["grpc", "plain"] as const;

/** What is served, and within which limits. */
export interface ServedOnLinks {
  readonly transport: (typeof transports)[number];
  readonly engines: EnginePort;
  readonly modelFile: string;
  readonly spec: VariantSpec;
  readonly queueRowsMax: number;
  readonly queueBytesMax: number;
  readonly inFlightMax: number;
  /** Told of each span; none is recorded unless it is given. */
  readonly onSpan?: (span: FinishedSpan) => void;
}

/** Serves one variant on links of both kinds, and connects by one of them; resolves once it is loaded. `life` ends all of it. */
export async function serveOnLinks(life: Lifecycle, o: ServedOnLinks) {
  const logger = createLogger({ service: "test", write: () => undefined });
  const clock = systemClock;
  const { engines, queueRowsMax, queueBytesMax, inFlightMax, onSpan } = o;
  const ports = { clock, engines, modelFile: async () => o.modelFile, queueRowsMax, queueBytesMax };
  let plain: NativeLinks | null = null;
  const executor = new Executor({
    name: "exec-1",
    memoryBytes: 100,
    ports,
    logger,
    onServing: (name, instance) => plain?.serve(name, instance),
  });
  const spans = new QuerySpans(clock, {
    records: onSpan !== undefined,
    sampleRatio: 0,
    start: () => null,
    child: (context) => context,
    record: (span) => onSpan?.(span),
  });
  const figures = new LiveFigures(clock, (name, taken) => spans.recordDirect(name, taken));
  const reporter = new Reporter(executor, new Utilisation(clock, 1, processUsage.cpuUs), clock);
  const memory = new SharedMemory();
  const adapters = new Adapters({ clock, logger, memoryBytes: ADAPTER_MEMORY_BYTES_MAX });
  const linkPorts = { clock, executor, reporter, figures, spans, memory, adapters, inFlightMax };
  const grpc = new LinkServer(linkPorts);
  plain = await NativeLinks.open("localhost:0", linkPorts, { members: openSecurity.members, logger });
  const links = o.transport === "grpc" ? grpc : plain;
  const profiles = new ProfileQueue(async function* () {});
  const server = executorServer({ logger, links: grpc, profiles });
  const port = await server.listen("127.0.0.1:0");
  const addresses = { grpc: `127.0.0.1:${port}`, plain: `127.0.0.1:${plain.port}` };
  const open = (transport = o.transport): LinkCaller => {
    const address = addresses[transport];
    const caller = transport === "grpc" ? new GrpcCaller(address) : new PlainCaller(address);
    life.onStop("caller", () => caller.close());
    return caller;
  };
  const ready = deferred();
  executor.onChange(() => {
    if (executor.instance(o.spec.name)?.readyEngine) ready.resolve();
  });
  life.onStop("memory", () => memory.close());
  life.onStop("executor", () => executor.stop(1_000));
  life.onStop("server", () => server.stop(100));
  life.onStop("plain links", () => plain?.close());
  const caller = open();
  executor.setDesired([{ spec: o.spec, desiredAtMs: 0 }]);
  await ready.promise;
  return { caller, executor, links, figures, open };
}
