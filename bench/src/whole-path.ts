import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInfaasClient } from "@infaas/client";
import { cpuWithChildrenMicroseconds } from "./cpu-time";
import { type BenchModel, writeBenchModels } from "./models";
import { buildLoadGenerator, cache, type System, startSystem } from "./system";
import { startTriton } from "./triton";

const secondsPerWindow = 1.5;
const warmUpSeconds = 0.5;
const windows = 3;
const inFlightLevels = [1, 8, 16, 64];

/** A server under measurement: this system or its peer. */
interface Server {
  readonly address: string;
  /** CPU time so far, by process. */
  cpu(): readonly number[];
}

interface Window {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failures: number;
  /** CPU time of a request, by process. */
  readonly cpuUs: readonly number[];
}

/**
 * Prints latency, throughput and CPU time of requests through client, frontend, executor and engine as real
 * processes, beside Triton with the same models and client, in alternating windows. Without Python or PyPI
 * there is no peer.
 */
export async function benchWholePath(): Promise<void> {
  const load = buildLoadGenerator();
  const models = writeBenchModels(join(cache, "models"));
  const triton = await startTriton(models).catch((fault: Error) => {
    process.stdout.write(`# without a peer: ${fault.message}\n`);
    return null;
  });
  const system = await startSystem();
  const pids = [system.pidOf("frontend"), system.pidOf("executor-1")];
  const ours: Server = { address: system.address, cpu: () => pids.map(cpuWithChildrenMicroseconds) };
  const peer: Server | null =
    triton === null ? null : { address: triton.address, cpu: () => [triton.cpuMicroseconds()] };
  try {
    await register(system, models);
    process.stdout.write(`${heading}\n`);
    for (const model of models) {
      for (const inFlight of inFlightLevels) {
        const measured: Window[] = [];
        const peers: Window[] = [];
        for (let i = 0; i < windows; i++) {
          measured.push(await measure(ours, load, model, inFlight));
          if (peer !== null) peers.push(await measure(peer, load, model, inFlight));
        }
        print(model, inFlight, measured, peers);
      }
    }
  } finally {
    await system.stop();
    await triton?.stop();
  }
}

async function register(system: System, models: readonly BenchModel[]): Promise<void> {
  const client = createInfaasClient(system.address);
  try {
    for (const { name, path } of models) {
      const task = `bench/${name}`;
      await client.putTask({ name: task, metric: "accuracy" });
      const { variants } = await client.register({ name, task, path });
      for (const v of variants) {
        const rate = Math.round(v.profile?.saturationPerSecond ?? 0);
        process.stdout.write(`# ${v.name}: ${rate} items/s at saturation\n`);
      }
    }
  } finally {
    client.close();
  }
}

async function measure(server: Server, load: string, model: BenchModel, inFlight: number): Promise<Window> {
  const floats = model.rowShape.reduce((product, size) => product * size, 1);
  const args = [
    ...["-address", server.address, "-model", model.name, "-floats", String(floats)],
    ...["-shape", model.rowShape.join(","), "-in-flight", String(inFlight), "-warm-up", "0"],
  ];
  await runLoad(load, [...args, "-seconds", String(warmUpSeconds)]);
  const before = server.cpu();
  const result = await runLoad(load, [...args, "-seconds", String(secondsPerWindow)]);
  const cpuUs = server.cpu().map((us, i) => (us - (before[i] ?? 0)) / result.requests);
  const failures = Object.values(result.failures).reduce((sum, count) => sum + count, 0);
  return { ...result, failures, cpuUs };
}

interface LoadResult {
  readonly requests: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failures: Readonly<Record<string, number>>;
}

/** Runs the load generator once; rejects when it fails. */
export function runLoad(program: string, args: readonly string[]): Promise<LoadResult> {
  return new Promise((done, failed) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.on("data", (chunk) => {
      output += chunk;
    });
    child.on("close", (status) =>
      status === 0 ? done(JSON.parse(output)) : failed(new Error(`load ended with ${status}`)),
    );
  });
}

const columns = [
  ...["model", "in flight", "req/s", "p50 ms", "p99 ms", "frontend µs", "executor µs", "Triton req/s"],
  ...["p50 ms", "p99 ms", "Triton µs", "× req/s", "× p99", "failures"],
] as const;
const heading = columns.join("  ");

function print(
  model: BenchModel,
  inFlight: number,
  measured: readonly Window[],
  peers: readonly Window[],
): void {
  const ours = middle(measured);
  const theirs = peers.length === 0 ? null : middle(peers);
  const failures = [...measured, ...peers].reduce((sum, w) => sum + w.failures, 0);
  const cells = [
    ...[
      model.name,
      String(inFlight),
      ours.perSecond.toFixed(0),
      ours.p50Ms.toFixed(2),
      ours.p99Ms.toFixed(2),
    ],
    ...ours.cpuUs.map((us) => us.toFixed(0)),
    ...(theirs === null ? ["-", "-", "-", "-", "-", "-"] : comparison(ours, theirs)),
    String(failures),
  ];
  const line = cells.map((cell, i) => cell.padStart(columns[i]?.length ?? 0));
  process.stdout.write(`${line.join("  ")}\n`);
}

function comparison(ours: Window, theirs: Window): readonly string[] {
  const { perSecond, p50Ms, p99Ms, cpuUs } = theirs;
  return [
    ...[perSecond.toFixed(0), p50Ms.toFixed(2), p99Ms.toFixed(2), (cpuUs[0] ?? 0).toFixed(0)],
    ...[(ours.perSecond / perSecond).toFixed(2), (ours.p99Ms / p99Ms).toFixed(2)],
  ];
}

/** Median of each figure over the windows. */
function middle(measured: readonly Window[]): Window {
  const median = (pick: (w: Window) => number) =>
    measured.map(pick).sort((a, b) => a - b)[Math.floor(measured.length / 2)] ?? 0;
  return {
    perSecond: median((w) => w.perSecond),
    p50Ms: median((w) => w.p50Ms),
    p99Ms: median((w) => w.p99Ms),
    failures: 0,
    cpuUs: (measured[0]?.cpuUs ?? []).map((_, i) => median((w) => w.cpuUs[i] ?? 0)),
  };
}
