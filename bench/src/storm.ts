import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { createInfaasClient } from "@infaas/client";
import { tokenDigest } from "@infaas/runtime";
import { median } from "./statistics";
import { zooSubjects } from "./subjects";
import { buildLoadGenerator, startSystem } from "./system";
import { runLoad } from "./whole-path";

/** Slow enough that ten times its saturation throughput is little load for the frontend. */
const modelName = "digits-cnn-l";
const rowShape = [1, 8, 8];
const inputName = "image";
/** One engine thread; asked for by name, so that both callers always use the same instance. */
const variantPattern = /fp32-t1-b\d$/;
const windowSeconds = 6;
const rounds = 5;
/** Load of the calm caller, as a share of its half of the capacity. */
const calmLoad = 0.5;
const stormFactor = 10;
const capacityInFlight = 32;
const deadlineMs = 1_000;
/** CPU lists as taskset takes them. */
const executorCore = "1";
const otherCore = "0";
const allCores = `0-${cpus().length - 1}`;

/**
 * Prints the p99 of a calm tenant on an instance that another tenant uses, at its share and at ten times its
 * share. Both are open loops on real processes, told apart by token; windows alternate. The executor has a
 * core to itself, as on a host of its own, so refusals of the storm take CPU time of the other core alone.
 */
export async function benchStorm(): Promise<void> {
  const load = buildLoadGenerator();
  const folder = mkdtempSync(join(tmpdir(), "infaas-storm-"));
  const tokens = ["calm", "storm", "operator"].map((tenant) => ({
    sha256: tokenDigest(tenant),
    tenant,
    roles: tenant === "operator" ? ["register", "operate", "query"] : ["query"],
  }));
  writeFileSync(join(folder, "tokens.json"), JSON.stringify({ tokens }));
  pin(process.pid, executorCore);
  const system = await startSystem("--tokens", join(folder, "tokens.json"));
  for (const pid of [process.pid, system.pidOf("frontend"), system.pidOf("metadata")]) pin(pid, otherCore);
  try {
    const variant = await registerModel(system.address);
    const ask = (tenant: string, more: readonly string[]) =>
      runLoad(load, [
        ...["-address", system.address, "-model", variant, "-input", inputName, "-token", tenant],
        ...["-floats", String(rowShape.reduce((a, b) => a * b)), "-shape", rowShape.join(",")],
        ...["-seconds", String(windowSeconds), "-warm-up", "1", "-deadline-ms", String(deadlineMs), ...more],
      ]);
    const both = (calm: readonly string[], storm: readonly string[]) =>
      Promise.all([ask("calm", calm), ask("storm", storm)]);
    const atRate = (perSecond: number) => ["-rate", String(perSecond), "-in-flight", "4"];
    const closed = ["-in-flight", String(capacityInFlight)];
    const capacity = (await both(closed, closed)).reduce((sum, { perSecond }) => sum + perSecond, 0);
    const share = capacity / 2;
    process.stdout.write(`# ${variant}: ${capacity.toFixed(0)} req/s, a share is ${share.toFixed(0)}\n`);
    const p99: { before: number[]; during: number[] } = { before: [], during: [] };
    for (let round = 0; round < rounds; round++) {
      for (const [phase, factor] of [
        ["before", 1],
        ["during", stormFactor],
      ] as const) {
        const [calm, other] = await both(atRate(calmLoad * share), atRate(factor * share));
        p99[phase].push(calm.p99Ms);
        process.stdout.write(
          `other at ${factor}x  calm ${calm.perSecond.toFixed(0)}/s p50 ${calm.p50Ms.toFixed(2)} p99 ${calm.p99Ms.toFixed(2)} ms, ${failuresOf(calm)} failed;  ` +
            `other ${other.perSecond.toFixed(0)}/s answered, ${failuresOf(other)} refused\n`,
        );
      }
    }
    const [before, during] = [median(p99.before), median(p99.during)];
    process.stdout.write(
      `calm p99: ${before.toFixed(2)} ms beside a caller at its share, ${during.toFixed(2)} ms beside one at ${stormFactor}x: ${(during / before).toFixed(2)}x\n`,
    );
  } finally {
    await system.stop();
    rmSync(folder, { recursive: true });
    pin(process.pid, allCores);
  }
}

/** Pins every thread of a process, and its later children, to some cores. */
function pin(pid: number, cores: string): void {
  const { status, error } = spawnSync("taskset", ["-a", "-c", "-p", cores, String(pid)]);
  if (status !== 0)
    throw new Error(`a process cannot be kept on core ${cores}: ${error ?? "taskset failed"}`);
}

/** Returns the name of the variant that both callers query. */
async function registerModel(address: string): Promise<string> {
  const client = createInfaasClient(address, { token: "operator" });
  try {
    const { path } = zooSubjects().find(({ name }) => name === modelName)!;
    await client.putTask({ name: "bench/storm", metric: "accuracy" });
    const { variants } = await client.register({ name: modelName, task: "bench/storm", path });
    const found = variants.map(({ name }) => name).find((name) => variantPattern.test(name));
    if (found === undefined) throw new Error(`no variant of ${modelName} is like ${variantPattern.source}`);
    return found;
  } finally {
    client.close();
  }
}

function failuresOf({ failures }: { readonly failures: Readonly<Record<string, number>> }): number {
  return Object.values(failures).reduce((sum, count) => sum + count, 0);
}
