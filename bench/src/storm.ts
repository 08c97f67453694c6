import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInfaasClient } from "@infaas/client";
import { tokenDigest } from "@infaas/runtime";
import { writeBenchModels } from "./models";
import { buildLoadGenerator, cache, startSystem } from "./system";
import { runLoad } from "./whole-path";

const modelName = "mlp-m";
const windowSeconds = 5;
const rounds = 3;
/** The well-behaved caller asks for this part of its half of the capacity. */
const calmLoad = 0.8;
const stormFactor = 10;
const capacityInFlight = 32;
const deadlineMs = 1_000;

/**
 * One caller within its share beside another: at its share, and at ten times that. Both open loop, real processes, two
 * tenants by token; windows alternate. What counts is the first one's p99 in both.
 */
export async function benchStorm(): Promise<void> {
  const load = buildLoadGenerator();
  const model = writeBenchModels(join(cache, "models")).find(({ name }) => name === modelName)!;
  const floats = model.rowShape.reduce((product, size) => product * size, 1);
  const folder = mkdtempSync(join(tmpdir(), "infaas-storm-"));
  const tokens = ["calm", "storm", "operator"].map((tenant) => ({
    sha256: tokenDigest(tenant),
    tenant,
    roles: tenant === "operator" ? ["register", "operate", "query"] : ["query"],
  }));
  writeFileSync(join(folder, "tokens.json"), JSON.stringify({ tokens }));
  const system = await startSystem("--tokens", join(folder, "tokens.json"));
  const ask = (tenant: string, more: readonly string[]) =>
    runLoad(load, [
      ...["-address", system.address, "-model", modelName, "-floats", String(floats), "-token", tenant],
      ...["-seconds", String(windowSeconds), "-warm-up", "0.5", "-deadline-ms", String(deadlineMs), ...more],
    ]);
  const atRate = (perSecond: number) => ["-rate", String(perSecond), "-in-flight", "4"];
  try {
    const client = createInfaasClient(system.address, { token: "operator" });
    await client.putTask({ name: "bench/storm", metric: "accuracy" });
    await client.register({ name: modelName, task: "bench/storm", path: model.path });
    client.close();
    const { perSecond } = await ask("calm", ["-in-flight", String(capacityInFlight)]);
    const share = perSecond / 2;
    process.stdout.write(
      `# ${modelName}: ${perSecond.toFixed(0)} req/s alone, so a share is ${share.toFixed(0)}\n`,
    );
    const p99: { before: number[]; during: number[] } = { before: [], during: [] };
    for (let round = 0; round < rounds; round++) {
      for (const [phase, factor] of [
        ["before", 1],
        ["during", stormFactor],
      ] as const) {
        const [calm, other] = await Promise.all([
          ask("calm", atRate(calmLoad * share)),
          ask("storm", atRate(factor * share)),
        ]);
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
  }
}

function failuresOf({ failures }: { readonly failures: Readonly<Record<string, number>> }): number {
  return Object.values(failures).reduce((sum, count) => sum + count, 0);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
