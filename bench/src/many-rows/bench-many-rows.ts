import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import { createInfaasClient } from "@infaas/client";
import type { BenchScope } from "../bench-scope";
import { coreWaitWithChildrenMicroseconds, cpuWithChildrenMicroseconds } from "../cpu-time";
import { watchForeignLoad } from "../foreign-load";
import { writeBenchModels } from "../models";
import { median } from "../statistics";
import { buildLoadGenerator, cache, type System, startSystem, startSystemAt } from "../system";
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
/** Port of the second system's frontend. */
const elsewherePort = 18_301;
const kinds = ["gRPC", "HTTP"] as const satisfies readonly ManyRowsKind[];

/** What callers of one row have beside them: nobody, or requests of many rows to their own system or to the other one. */
interface Company {
  readonly name: string;
  readonly kind: ManyRowsKind | null;
  readonly caller: ManyRowsCaller | null;
}

/**
 * Prints the p99 of callers of one row without and beside requests of 10,000 rows over gRPC and over HTTP, in windows that take
 * turns; every answer to many rows is compared with what its rows are answered one by one. The same requests are also sent to
 * a second system on the same cores: what they cost there is what the cores cost, and what they cost more in the callers' own
 * system is what it costs to share that. All callers are processes of their own.
 */
export async function benchManyRows({ rounds }: BenchScope): Promise<void> {
  const load = buildLoadGenerator();
  const system = await startSystem();
  const elsewhere = await startSystemAt(elsewherePort);
  try {
    const here = await startCaller(system);
    const there = await startCaller(elsewhere);
    const companies: readonly Company[] = [
      { name: "nobody", kind: null, caller: null },
      ...kinds.flatMap((kind) => [
        { name: `${manyRows} rows over ${kind}, elsewhere`, kind, caller: there },
        { name: `${manyRows} rows over ${kind}`, kind, caller: here },
      ]),
    ];
    const p99s = new Map<Company, number[]>(companies.map((company) => [company, []]));
    for (let round = 0; round < (rounds ?? roundsDefault); round++)
      for (const [company, found] of p99s) found.push(await p99OfWindow(system, load, company));
    printSummary(p99s);
    here.end();
    there.end();
  } finally {
    await Promise.all([system.stop(), elsewhere.stop()]);
  }
}

/** Other work on the machine only adds, so that where there is some the lowest of many windows says more than their median. */
function printSummary(p99s: ReadonlyMap<Company, readonly number[]>): void {
  const [alone = []] = p99s.values();
  for (const [{ name }, found] of p99s) {
    const told = ([what, of]: readonly [string, (values: readonly number[]) => number]) =>
      `${what} ${of(found).toFixed(2)} ms, ${(of(found) / of(alone)).toFixed(2)}x`;
    const lowest = (values: readonly number[]) => Math.min(...values);
    const figures = (
      [
        ["median", median],
        ["lowest", lowest],
      ] as const
    )
      .map(told)
      .join("; ");
    process.stdout.write(`p99 of one row beside ${name}: ${figures}\n`);
  }
}

async function startCaller({ address }: System): Promise<ManyRowsCaller> {
  await register(address);
  return ManyRowsCaller.start({
    ...{ grpc: address, http: httpAddressOf(address), model: modelName },
    ...{ rows: manyRows, floats, outputs, pauseMs },
  });
}

/** Measures one window of callers of one row, in company. */
async function p99OfWindow(system: System, load: string, { name, kind, caller }: Company): Promise<number> {
  const pids = [
    system.pidOf("frontend"),
    system.pidOf("executor-1"),
    ...(caller === null ? [] : [caller.pid]),
  ];
  const before = pids.map(cpuWithChildrenMicroseconds);
  const waitedBefore = pids.map(coreWaitWithChildrenMicroseconds);
  const busyCores = watchForeignLoad();
  const startMs = performance.now();
  const stop = kind === null ? undefined : caller?.keepAsking(kind);
  const { p50Ms, p99Ms, perSecond, failures } = await runLoad(load, [
    ...["-address", system.address, "-model", modelName, "-floats", String(floats)],
    ...["-rate", String(rowsPerSecond), "-in-flight", "4"],
    ...["-seconds", String(windowSeconds), "-warm-up", "0.5"],
  ]);
  const asked = await stop?.();
  const cpuMs = pids.map((pid, i) => (cpuWithChildrenMicroseconds(pid) - before[i]!) / 1000);
  const waitedMs = pids.map((pid, i) => (coreWaitWithChildrenMicroseconds(pid) - waitedBefore[i]!) / 1000);
  const ownCores = cpuMs.reduce((sum, ms) => sum + ms, 0) / (performance.now() - startMs);
  const foreignCores = Math.max(0, busyCores() - ownCores);
  const failed = Object.values(failures).reduce((sum, count) => sum + count, 0);
  const told = asked === undefined ? "" : `, ${asked.count} such in ${asked.ms.toFixed(0)} ms each`;
  process.stdout.write(
    `beside ${name}: ${perSecond.toFixed(0)}/s, p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms, ${failed} failed${told}; ` +
      `CPU ms of frontend, executor, other caller ${cpuMs.map((ms) => ms.toFixed(0)).join(", ")}; ` +
      `ms that they waited for a core ${waitedMs.map((ms) => ms.toFixed(0)).join(", ")}; ` +
      `${foreignCores.toFixed(1)} cores busy with else\n`,
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
