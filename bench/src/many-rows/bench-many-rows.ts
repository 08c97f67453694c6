import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import { createInfaasClient } from "@infaas/client";
import type { BenchScope } from "../bench-scope";
import { coreWaitWithChildrenMicroseconds, cpuWithChildrenMicroseconds } from "../cpu-time";
import { writeBenchModels } from "../models";
import { median } from "../statistics";
import { buildLoadGenerator, cache, type System, startSystem } from "../system";
import { runLoad } from "../whole-path";
import type { Asked, CallerOrder, CallerReport, ManyRows, ManyRowsKind } from "./many-rows-caller";

const modelName = "mlp-s";
const floats = 64;
const outputs = 10;
const manyRows = 10_000;
const windowSeconds = 4;
const roundsDefault = 5;
/** Callers of one row: an open loop, so that as many ask whatever becomes of the answers. */
const rowsPerSecond = 400;
const pauseMs = 200;
const kinds = ["gRPC", "HTTP"] as const satisfies readonly ManyRowsKind[];

/**
 * Prints the p99 of callers of one row without and beside requests of 10,000 rows over gRPC and over HTTP, in windows that take
 * turns; every answer to many rows is compared with what its rows are answered one by one. Both callers are processes of
 * their own: what is measured is the system's doing and that of cores that all share.
 */
export async function benchManyRows({ rounds }: BenchScope): Promise<void> {
  const load = buildLoadGenerator();
  const system = await startSystem();
  try {
    await register(system.address);
    const caller = await ManyRowsCaller.start({
      ...{ grpc: system.address, http: httpAddressOf(system.address), model: modelName },
      ...{ rows: manyRows, floats, outputs, pauseMs },
    });
    const p99s = new Map<ManyRowsKind | null, number[]>([null, ...kinds].map((kind) => [kind, []]));
    for (let round = 0; round < (rounds ?? roundsDefault); round++)
      for (const [kind, found] of p99s) found.push(await window(system, load, caller, kind));
    const without = median(p99s.get(null)!);
    for (const kind of kinds) {
      const beside = median(p99s.get(kind)!);
      process.stdout.write(
        `p99 of one row beside ${manyRows} rows over ${kind}: ${beside.toFixed(2)} ms against ${without.toFixed(2)} ms: ${(beside / without).toFixed(2)}x\n`,
      );
    }
    caller.end();
  } finally {
    await system.stop();
  }
}

/** One window of callers of one row, beside requests of many rows unless `kind` is null; returns their p99 in ms. */
async function window(
  system: System,
  load: string,
  caller: ManyRowsCaller,
  kind: ManyRowsKind | null,
): Promise<number> {
  const pids = [system.pidOf("frontend"), system.pidOf("executor-1"), caller.pid];
  const before = pids.map(cpuWithChildrenMicroseconds);
  const waitedBefore = pids.map(coreWaitWithChildrenMicroseconds);
  const stop = kind === null ? null : caller.keepAsking(kind);
  const { p50Ms, p99Ms, perSecond, failures } = await runLoad(load, [
    ...[
      "-address",
      system.address,
      "-model",
      modelName,
      "-floats",
      String(floats),
      "-rate",
      String(rowsPerSecond),
    ],
    ...["-in-flight", "4", "-seconds", String(windowSeconds), "-warm-up", "0.5"],
  ]);
  const asked = await stop?.();
  const cpuMs = pids.map((pid, i) => (cpuWithChildrenMicroseconds(pid) - before[i]!) / 1000);
  const waitedMs = pids.map((pid, i) => (coreWaitWithChildrenMicroseconds(pid) - waitedBefore[i]!) / 1000);
  const failed = Object.values(failures).reduce((sum, count) => sum + count, 0);
  const told =
    asked === undefined ? "" : `, ${asked.count} of ${manyRows} rows in ${asked.ms.toFixed(0)} ms each`;
  process.stdout.write(
    `${(kind ?? "without").padEnd(8)} ${perSecond.toFixed(0)}/s, p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms, ${failed} failed${told}; ` +
      `CPU ms of frontend ${cpuMs[0]!.toFixed(0)}, executor ${cpuMs[1]!.toFixed(0)}, caller of many rows ${cpuMs[2]!.toFixed(0)}; ` +
      `ms that they waited for a core ${waitedMs.map((ms) => ms.toFixed(0)).join(", ")}\n`,
  );
  return p99Ms;
}

async function register(address: string): Promise<void> {
  const { path } = writeBenchModels(join(cache, "models")).find(({ name }) => name === modelName)!;
  const client = createInfaasClient(address);
  try {
    await client.register({ name: modelName, path });
  } finally {
    client.close();
  }
}

/** The process of `many-rows-caller.ts`. */
class ManyRowsCaller {
  private constructor(private readonly child: ChildProcess) {}

  static async start(asked: ManyRows): Promise<ManyRowsCaller> {
    const caller = new ManyRowsCaller(fork(join(__dirname, "many-rows-caller.js"), [JSON.stringify(asked)]));
    await caller.told();
    return caller;
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** Asks again and again until what is returned is called. */
  keepAsking(kind: ManyRowsKind): () => Promise<Asked> {
    this.order(kind);
    return async () => {
      const told = this.told();
      this.order("stop");
      return (await told) as Asked;
    };
  }

  end(): void {
    this.child.disconnect();
  }

  private order(order: CallerOrder): void {
    this.child.send(order);
  }

  private told(): Promise<CallerReport> {
    return new Promise((done, failed) => {
      const ended = () => failed(new Error("the caller of many rows ended"));
      this.child.once("exit", ended);
      this.child.once("message", (report: CallerReport) => {
        this.child.off("exit", ended);
        done(report);
      });
    });
  }
}

function httpAddressOf(grpc: string): string {
  const [host, port] = grpc.split(":");
  return `${host}:${Number(port) - 1}`;
}
