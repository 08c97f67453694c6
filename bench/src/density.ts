import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GRPCInferenceService } from "@infaas/api";
import { createInfaasClient, type InfaasClient, tensorFromNumbers } from "@infaas/client";
import { createRpcClient, sleep, systemClock } from "@infaas/runtime";
import { processesOf } from "./cpu-time";
import { writeSmallModels } from "./models";
import { cache, type System, startSystemIn } from "./system";

const registered = 100;
const hot = 20;
const inFlight = 8;
const windowMs = 10_000;
/** Time for memory to settle after the models answered, and before it is read. */
const settleMs = 5_000;
const loadMaxMs = 60_000;
const rowFloats = 64;
const levels = ["none", "shared", "model", "variant"] as const;
const mebi = 1024 * 1024;

/**
 * Prints memory of an executor with its engine processes (proportional, so that pages they share count once)
 * and latency of 20 small models in turns, by isolation level: 100 are registered, 80 of them unloaded.
 */
export async function benchDensity(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "infaas-density-"));
  try {
    const names = await registerAll(folder);
    process.stdout.write("isolation  processes  memory MiB   req/s   p50 ms   p99 ms\n");
    for (const level of levels) {
      const system = await startSystemIn(folder, { INFAAS_ISOLATION: level }, []);
      try {
        process.stdout.write(`${level.padEnd(9)} ${await measure(system, names.slice(0, hot))}\n`);
      } finally {
        await system.stop();
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Registers every model and unloads those that are not hot; resolves with all names. */
async function registerAll(folder: string): Promise<readonly string[]> {
  const system = await startSystemIn(folder, {}, []);
  const client = createInfaasClient(system.address);
  const repository = createRpcClient(GRPCInferenceService, system.address);
  try {
    const models = writeSmallModels(join(cache, "models"), registered);
    for (const { name, path } of models) await client.register({ name, path });
    for (const { name } of models.slice(hot)) await repository.repositoryModelUnload({ modelName: name });
    return models.map(({ name }) => name);
  } finally {
    client.close();
    repository.close();
    await system.stop();
  }
}

async function measure(system: System, names: readonly string[]): Promise<string> {
  const client = createInfaasClient(system.address);
  try {
    for (const name of names) await answered(client, name);
    await sleep(systemClock, settleMs);
    const pids = processesOf(system.pidOf("executor-1"));
    const bytes = pids.reduce((sum, pid) => sum + proportionalBytes(pid), 0);
    const latencies = await closedLoop(client, names);
    const at = (share: number) => latencies[Math.floor(latencies.length * share)] ?? Number.NaN;
    const perSecond = (latencies.length * 1_000) / windowMs;
    return [
      String(pids.length).padStart(10),
      (bytes / mebi).toFixed(0).padStart(11),
      perSecond.toFixed(0).padStart(7),
      ...[at(0.5), at(0.99)].map((ms) => ms.toFixed(2).padStart(8)),
    ].join(" ");
  } finally {
    client.close();
  }
}

/** Asks until the model is loaded; rejects with the last refusal after a minute. */
async function answered(client: InfaasClient, name: string): Promise<void> {
  const giveUpAtMs = systemClock.nowMs() + loadMaxMs;
  for (;;) {
    try {
      await ask(client, name);
      return;
    } catch (fault) {
      if (systemClock.nowMs() > giveUpAtMs) throw fault;
      await sleep(systemClock, 100);
    }
  }
}

/** Ascending latencies of a window in which so many callers ask the models in turns. */
async function closedLoop(client: InfaasClient, names: readonly string[]): Promise<readonly number[]> {
  const latencies: number[] = [];
  const untilMs = systemClock.nowMs() + windowMs;
  let next = 0;
  const caller = async () => {
    while (systemClock.nowMs() < untilMs) {
      const startedMs = systemClock.nowMs();
      await ask(client, names[next++ % names.length] ?? "");
      latencies.push(systemClock.nowMs() - startedMs);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  return latencies.sort((a, b) => a - b);
}

function ask(client: InfaasClient, name: string) {
  const values = Array.from({ length: rowFloats }, (_, i) => i / rowFloats);
  return client.query(name, [tensorFromNumbers("x", "FP32", [1, rowFloats], values)]);
}

/** Memory of a process, each shared page divided by its users (from /proc/<pid>/smaps_rollup; Linux only). */
function proportionalBytes(pid: number): number {
  const kibi = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1];
  return Number(kibi) * 1024;
}
