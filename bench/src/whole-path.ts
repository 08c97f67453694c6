import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInfaasClient } from "@infaas/client";
import { cpuMicroseconds } from "./cpu-time";
import { type BenchModel, writeBenchModels } from "./models";
import { buildLoadGenerator, cache, type System, startSystem } from "./system";

const secondsPerWindow = 2;
const windows = 3;
const inFlightLevels = [1, 8, 16, 32, 64];

/** Requests per second of a peer by requests in flight; a level that was not measured there is absent. */
type Rates = Readonly<Record<number, number>>;

/**
 * Triton 2.51 on a machine like this, measured beforehand (docs/benchmarks.md): its Python backend as it comes, and the
 * best of all settings that were tried for each cell with its C++ onnxruntime backend.
 */
const reference: Readonly<Record<string, { python: Rates; native: Rates }>> = {
  "mlp-s": {
    python: { 1: 1972, 16: 6973, 64: 9688 },
    native: { 1: 3611, 8: 10_559, 32: 16_404, 64: 16_666 },
  },
  "mlp-m": { python: { 1: 466, 16: 2005, 64: 3338 }, native: { 1: 411, 8: 1980, 32: 3278, 64: 3835 } },
  cnn: { python: { 1: 396, 16: 537 }, native: { 1: 403, 8: 662, 32: 799, 64: 861 } },
};

interface Window {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failures: number;
  readonly frontendUs: number;
  readonly executorUs: number;
}

/** Client → frontend → executor → engine and back, through real processes, with a client that costs little CPU itself. */
export async function benchWholePath(): Promise<void> {
  const load = buildLoadGenerator();
  const models = writeBenchModels(join(cache, "models"));
  const system = await startSystem();
  try {
    await register(system, models);
    process.stdout.write(
      "model  in flight     req/s   p50 ms   p99 ms  frontend µs  executor µs  ×Triton Python  ×Triton C++  failures\n",
    );
    for (const model of models) {
      for (const inFlight of inFlightLevels) {
        const measured: Window[] = [];
        for (let i = 0; i < windows; i++) measured.push(await measure(system, load, model, inFlight));
        print(model, inFlight, measured);
      }
    }
  } finally {
    await system.stop();
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

async function measure(system: System, load: string, model: BenchModel, inFlight: number): Promise<Window> {
  const pids = [system.pidOf("frontend"), system.pidOf("executor-1")];
  const floats = model.rowShape.reduce((product, size) => product * size, 1);
  const common = [
    "-address",
    system.address,
    "-model",
    model.name,
    "-floats",
    String(floats),
    "-shape",
    model.rowShape.join(","),
  ];
  const args = [
    ...common,
    "-in-flight",
    String(inFlight),
    "-seconds",
    String(secondsPerWindow),
    "-warm-up",
    "0",
  ];
  await runLoad(load, [...common, "-in-flight", String(inFlight), "-seconds", "1", "-warm-up", "0"]);
  const before = pids.map(cpuMicroseconds);
  const result = await runLoad(load, args);
  const [frontendUs = 0, executorUs = 0] = pids.map(
    (pid, i) => (cpuMicroseconds(pid) - (before[i] ?? 0)) / result.requests,
  );
  const failures = Object.values(result.failures).reduce((sum, count) => sum + count, 0);
  return { ...result, failures, frontendUs, executorUs };
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

function print(model: BenchModel, inFlight: number, measured: readonly Window[]): void {
  const middle = (pick: (w: Window) => number) =>
    measured.map(pick).sort((a, b) => a - b)[Math.floor(measured.length / 2)] ?? 0;
  const perSecond = middle((w) => w.perSecond);
  const peer = reference[model.name];
  const ratio = (value: number | undefined) => (value === undefined ? "-" : (perSecond / value).toFixed(2));
  const cells = [
    model.name.padEnd(5),
    String(inFlight).padStart(10),
    perSecond.toFixed(0).padStart(9),
    middle((w) => w.p50Ms)
      .toFixed(2)
      .padStart(8),
    middle((w) => w.p99Ms)
      .toFixed(2)
      .padStart(8),
    middle((w) => w.frontendUs)
      .toFixed(0)
      .padStart(12),
    middle((w) => w.executorUs)
      .toFixed(0)
      .padStart(12),
    ratio(peer?.python[inFlight]).padStart(15),
    ratio(peer?.native[inFlight]).padStart(12),
    String(measured.reduce((sum, w) => sum + w.failures, 0)).padStart(9),
  ];
  process.stdout.write(`${cells.join(" ")}\n`);
}
