import { join } from "node:path";
import { createInfaasClient, type InfaasClient } from "@infaas/client";
import { type BenchScope, inScope } from "./bench-scope";
import { keepCoresBusy } from "./busy-cores";
import { writeBenchModels } from "./models";
import { zooSubjects } from "./subjects";
import { cache, startSystem } from "./system";

const roundsDefault = 10;

/**
 * Registers each model ten times on an idle machine and ten times beside a process that keeps each core busy, and prints how
 * many registrations made the variants that most of them made.
 */
export async function benchRegistrations(scope: BenchScope): Promise<void> {
  const rounds = scope.rounds ?? roundsDefault;
  const subjects = inScope([...zooSubjects(), ...writeBenchModels(join(cache, "models"))], scope);
  const system = await startSystem();
  const client = createInfaasClient(system.address);
  try {
    process.stdout.write(`model                 idle   busy   variants\n`);
    for (const subject of subjects) {
      const idle = await registrations(client, subject, "idle", rounds);
      const endBusy = await keepCoresBusy();
      const busy = await registrations(client, subject, "busy", rounds).finally(endBusy);
      const usual = mostFrequent([...idle, ...busy]);
      const same = (found: readonly string[]) =>
        `${found.filter((variants) => variants === usual).length}/${rounds}`;
      process.stdout.write(
        `${subject.name.padEnd(20)}  ${same(idle).padEnd(5)}  ${same(busy).padEnd(5)}  ${usual}\n`,
      );
      const others = [...new Set([...idle, ...busy])].filter((variants) => variants !== usual);
      for (const variants of others) process.stdout.write(`${" ".repeat(36)}else ${variants}\n`);
    }
  } finally {
    client.close();
    await system.stop();
  }
}

async function registrations(
  client: InfaasClient,
  { name, path }: { readonly name: string; readonly path: string },
  kind: string,
  rounds: number,
): Promise<string[]> {
  const found: string[] = [];
  for (let round = 0; round < rounds; round++) {
    const unique = `${name}-${kind}-${round}`;
    const { variants } = await client.register({ name: unique, path });
    found.push(
      variants
        .map((variant) => variant.name.replace(/^.*-cpu-/, ""))
        .sort()
        .join(" "),
    );
  }
  return found;
}

function mostFrequent(values: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0] ?? "";
}
