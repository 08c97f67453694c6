import { type RpcServer, tuneProcess } from "@infaas/runtime";
import { cpuMicroseconds } from "../cpu-time";
import { buildLoadGenerator } from "../system";
import { runLoad } from "../whole-path";
import { carriers, type Protection, protections } from "./echo-servers";

const windowSeconds = 1.5;
const warmUpSeconds = 0.3;
const rounds = 3;
const loads = [
  { name: "256 B", floats: 64, inFlight: 16 },
  { name: "256 B", floats: 64, inFlight: 64 },
  { name: "602 KB", floats: 150_528, inFlight: 4 },
];

/** One server under test. */
interface Subject {
  readonly carrier: string;
  readonly protection: string;
  readonly server: RpcServer;
  readonly words: readonly string[];
}

interface Window {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly serverUs: number;
}

/**
 * Prints the cost of one request to a server that answers at once, on grpc-js and on the native server, open
 * and protected: the base line of `whole-path` on a machine whose speed differs from day to day. Windows of
 * all servers alternate; medians.
 */
export async function benchEcho(): Promise<void> {
  tuneProcess();
  const load = buildLoadGenerator();
  const { byName, close } = await protections();
  const subjects: Subject[] = [];
  for (const carrier of Object.keys(carriers) as (keyof typeof carriers)[])
    for (const [name, protection] of Object.entries(byName))
      subjects.push(await listening(carrier, name, protection));
  process.stdout.write("server      protected  input   in flight     req/s   p50 ms   p99 ms  server µs\n");
  for (const { name, floats, inFlight } of loads) {
    const windows = new Map(subjects.map((subject) => [subject, [] as Window[]]));
    const shape = ["-model", "echo", "-floats", String(floats), "-in-flight", String(inFlight)];
    for (let round = 0; round < rounds; round++)
      for (const subject of subjects) windows.get(subject)?.push(await measure(load, subject, shape));
    for (const [{ carrier, protection }, measured] of windows) {
      const { perSecond, p50Ms, p99Ms, serverUs } = middle(measured);
      const figures = [perSecond.toFixed(0), p50Ms.toFixed(2), p99Ms.toFixed(2), serverUs.toFixed(1)];
      const place = [carrier.padEnd(11), protection.padEnd(10), name.padEnd(7), String(inFlight).padStart(9)];
      process.stdout.write(`${[...place, ...figures.map((f) => f.padStart(8))].join(" ")}\n`);
    }
  }
  for (const { server } of subjects) await server.stop(1_000);
  close();
}

async function listening(
  carrier: keyof typeof carriers,
  protection: string,
  { security, words }: Protection,
): Promise<Subject> {
  const server = carriers[carrier](security);
  const address = `127.0.0.1:${await server.listen("127.0.0.1:0")}`;
  return { carrier, protection, server, words: ["-address", address, ...words] };
}

async function measure(load: string, { words }: Subject, shape: readonly string[]): Promise<Window> {
  const args = [...words, ...shape, "-warm-up", "0"];
  await runLoad(load, [...args, "-seconds", String(warmUpSeconds)]);
  const before = cpuMicroseconds(process.pid);
  const result = await runLoad(load, [...args, "-seconds", String(windowSeconds)]);
  const serverUs = (cpuMicroseconds(process.pid) - before) / result.requests;
  const [fault] = Object.keys(result.failures);
  if (fault !== undefined) throw new Error(`a request failed: ${fault}`);
  return { ...result, serverUs };
}

/** Median of each figure over the windows. */
function middle(measured: readonly Window[]): Window {
  const median = (pick: (w: Window) => number) =>
    measured.map(pick).sort((a, b) => a - b)[Math.floor(measured.length / 2)] ?? 0;
  return {
    perSecond: median((w) => w.perSecond),
    p50Ms: median((w) => w.p50Ms),
    p99Ms: median((w) => w.p99Ms),
    serverUs: median((w) => w.serverUs),
  };
}
