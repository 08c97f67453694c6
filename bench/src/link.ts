import { connect } from "node:net";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import {
  ClusterService,
  ExecutionService,
  encodeFrame,
  type Frame,
  FrameReader,
  type FramesRead,
  InstancePhase,
  linkMessage,
  ModelInferRequestSchema,
  TraceService,
} from "@infaas/api";
import { createInfaasClient } from "@infaas/client";
import {
  addressOf,
  createLogger,
  createRpcClient,
  createRpcServer,
  implementService,
  openRawBidi,
  type RpcServer,
} from "@infaas/runtime";
import { cpuWithChildrenMicroseconds } from "./cpu-time";
import { type BenchModel, writeSliceModels } from "./models";
import { cache, type System, startSystem } from "./system";

const windowMs = 1_500;
const windows = 3;
const warmUpMs = 500;
const inFlight = 32;
const inFlightLarge = 4;
const largeFloats = 16_384;
const executorName = "executor-1";

/** One connection to an executor, on either transport. */
interface Wire {
  send(parts: Uint8Array[]): void;
  close(): void;
}

type Open = (onFrames: (read: FramesRead) => void) => Wire;

/** How queries reach the process that runs a model; every one of the traced kind is sampled. */
interface Way {
  readonly name: "grpc" | "native" | "traced";
  readonly open: Open;
  readonly trace: { readonly traceId: string; readonly spanId: string; readonly sampled: true } | null;
}

const trace = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  sampled: true,
} as const;

/**
 * Prints the CPU time of an executor for each query without its model (the models only slice ten values out
 * of their input): frames inside gRPC beside frames over TCP, unsampled and sampled, in turns, from one client
 * without a frontend between. Spans go to a collector in this process.
 */
export async function benchLink(): Promise<void> {
  const collector = await startCollector();
  const system = await startSystem("--otlp-endpoint", `127.0.0.1:${collector.port}`);
  try {
    process.stdout.write("input      link        req/s   executor µs    spans/s\n");
    for (const model of writeSliceModels(join(cache, "models"))) {
      const { variant, address, linkAddress } = await serve(system, model);
      const ways: readonly Way[] = [
        { name: "grpc", open: overGrpc(address), trace: null },
        { name: "native", open: overTcp(linkAddress), trace: null },
        { name: "traced", open: overTcp(linkAddress), trace },
      ];
      const pid = system.pidOf(executorName);
      const cost = { grpc: [] as number[], native: [] as number[], traced: [] as number[] };
      for (let i = 0; i < windows; i++) {
        for (const way of ways) {
          collector.spans = 0;
          const { perSecond, cpuUs } = await drive(way, variant, model, pid);
          cost[way.name].push(cpuUs);
          const spans = (collector.spans * 1_000) / (warmUpMs + windowMs);
          process.stdout.write(
            `${bytesOf(model).padEnd(10)} ${way.name.padEnd(8)} ${perSecond.toFixed(0).padStart(8)} ${cpuUs.toFixed(1).padStart(12)} ${spans.toFixed(0).padStart(10)}\n`,
          );
        }
      }
      const native = median(cost.native);
      process.stdout.write(
        `${bytesOf(model)}: ${(median(cost.grpc) / native).toFixed(1)} times less than inside gRPC; traced ${(median(cost.traced) / native).toFixed(2)} times as much\n`,
      );
    }
  } finally {
    await system.stop();
    await collector.server.stop(1_000);
  }
}

/** A collector that counts the spans it is sent. */
async function startCollector(): Promise<{ server: RpcServer; port: number; spans: number }> {
  const server = createRpcServer({ logger: createLogger({ service: "collector", level: "error" }) });
  const collector = { server, port: 0, spans: 0 };
  server.add(
    implementService(TraceService, {
      export: async ({ resourceSpans }) => {
        for (const { scopeSpans } of resourceSpans)
          for (const { spans } of scopeSpans) collector.spans += spans.length;
        return {};
      },
    }),
  );
  collector.port = await server.listen("127.0.0.1:0");
  return collector;
}

function overGrpc(address: string): Open {
  return (onFrames) => {
    const reader = new FrameReader();
    const stream = openRawBidi(address, ExecutionService, "Link", { receiveWindowBytes: 8 * 1024 * 1024 });
    stream.onData((bytes) => onFrames(reader.push(bytes)));
    stream.onEnd(() => undefined);
    return { send: (parts) => stream.write(linkMessage(parts)), close: () => stream.end() };
  };
}

function overTcp(address: string): Open {
  return (onFrames) => {
    const reader = new FrameReader();
    const socket = connect({ ...addressOf(address), noDelay: true });
    socket.on("data", (bytes) => onFrames(reader.pushPlain(bytes)));
    return { send: (parts) => socket.write(Buffer.concat(parts)), close: () => socket.destroy() };
  };
}

/**
 * Keeps a number of queries in flight for a window; resolves to answers a second and the executor's CPU time
 * for each.
 */
async function drive({ open, trace }: Way, variant: string, model: BenchModel, pid: number) {
  const length = floatsOf(model);
  const body = toBinary(
    ModelInferRequestSchema,
    create(ModelInferRequestSchema, {
      modelName: variant,
      inputs: [{ name: "x", datatype: "FP32", shape: [1n, BigInt(length)] }],
      rawInputContents: [new Uint8Array(length * 4)],
    }),
  );
  let answered = 0;
  let id = 0;
  let running = true;
  const queries = (count: number) =>
    Array.from({ length: count }, () => {
      id += 1;
      return encodeFrame({ type: "infer", id, timeoutMs: 0, lane: 0, trace, variant, body });
    }).flat();
  const wire = open((read) => {
    if (!read.ok) throw new Error(read.fault);
    const answers = read.frames.filter(isAnswer).length;
    answered += answers;
    if (running && answers > 0) wire.send(queries(answers));
  });
  wire.send(queries(length > largeFloats ? inFlightLarge : inFlight));
  await new Promise((next) => setTimeout(next, warmUpMs));
  const [startUs, startAnswered, startMs] = [cpuWithChildrenMicroseconds(pid), answered, performance.now()];
  await new Promise((next) => setTimeout(next, windowMs));
  const count = answered - startAnswered;
  const result = {
    perSecond: (count * 1_000) / (performance.now() - startMs),
    cpuUs: (cpuWithChildrenMicroseconds(pid) - startUs) / count,
  };
  running = false;
  wire.close();
  return result;
}

function isAnswer(frame: Frame): boolean {
  if (frame.type === "refusal") throw new Error(frame.message);
  return frame.type === "answer";
}

/** An instance that is ready, and where links reach the process that runs it. */
interface Served {
  readonly variant: string;
  readonly address: string;
  readonly linkAddress: string;
}

/** Registers a model and loads its variant with the largest batch on the executor. */
async function serve(system: System, { name, path }: BenchModel): Promise<Served> {
  const client = createInfaasClient(system.address);
  const cluster = createRpcClient(ClusterService, system.metadata);
  const ending = new AbortController();
  try {
    const task = `bench/${name}`;
    await client.putTask({ name: task, metric: "accuracy" });
    const { variants } = await client.register({ name, task, path });
    const [variant] = [...variants].sort((a, b) => b.maxBatch - a.maxBatch);
    if (variant === undefined) throw new Error(`no variant of ${name} was registered`);
    const placement = { executor: executorName, variant: variant.name, reason: "operator" };
    await cluster.setPlacement({ placements: [placement], wanted: true });
    for await (const { puts } of cluster.watch({ fromRevision: 0n }, { signal: ending.signal })) {
      for (const { value } of puts) {
        if (value.case !== "report") continue;
        const { instances, processes } = value.value;
        const instance = instances.find((i) => i.variant === variant.name && i.phase === InstancePhase.READY);
        const process = processes.find((each) => each.name === instance?.process);
        if (process !== undefined) return { ...process, variant: variant.name };
      }
    }
    throw new Error(`${variant.name} was not loaded`);
  } finally {
    ending.abort();
    client.close();
    cluster.close();
  }
}

function floatsOf({ rowShape }: BenchModel): number {
  return rowShape.reduce((product, size) => product * size, 1);
}

function bytesOf(model: BenchModel): string {
  const bytes = floatsOf(model) * 4;
  return bytes < 10_000 ? `${bytes} B` : `${Math.round(bytes / 1_000)} KB`;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
