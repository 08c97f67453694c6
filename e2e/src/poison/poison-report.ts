import type { Cluster } from "../cluster";
import { childrenOf, residentBytes, residentWithChildrenBytes } from "../resident-memory";
import type { Seen } from "./bystander";
import { percentileMs } from "./bystanders";

/** A bystander's answer is in time within this. */
const objectiveMs = 1_000;
/** Share of bystanders' queries, all kinds together, that are answered in time. */
const inTimeMin = 0.9999;
/** Resident memory afterwards, in times what it was before. */
const memoryMax = 1.05;
const mebi = 1024 * 1024;

/** Resident memory of processes of one name. */
export interface Held {
  readonly bytes: number;
  readonly processes: number;
}

/** What a run found. */
export interface Findings {
  /** What bystanders saw with nobody beside them. */
  readonly quiet: readonly Seen[];
  readonly seen: readonly Seen[];
  /** By process; the engine processes of an executor are one line. */
  readonly before: ReadonlyMap<string, Held>;
  readonly after: ReadonlyMap<string, Held>;
}

/** Returns what each process of a system holds. */
export function residentByProcess(cluster: Cluster, names: readonly string[]): ReadonlyMap<string, Held> {
  const held = new Map([["supervisor", { bytes: residentBytes(cluster.pid), processes: 1 }]]);
  for (const name of names) {
    const pid = cluster.pidOf(name);
    held.set(name, { bytes: residentBytes(pid), processes: 1 });
    const engines = childrenOf(pid).map(residentWithChildrenBytes);
    if (engines.length > 0)
      held.set(`${name}'s engine processes`, { bytes: sum(engines), processes: engines.length });
  }
  return held;
}

/** Returns the figures of a run, and those that are not what is promised. */
export function judgePoison(findings: Findings): { lines: string[]; faults: string[] } {
  const [bystanders, memory] = [judgeBystanders(findings), judgeMemory(findings)];
  return {
    lines: [...bystanders.lines, ...memory.lines],
    faults: [...bystanders.faults, ...memory.faults],
  };
}

function judgeBystanders({ quiet, seen }: Findings) {
  const lines = ["bystander     answered  failed  wrong  in 1 s %   p99 ms   quiet  longest ms"];
  const faults: string[] = [];
  let [asked, inTime] = [0, 0];
  seen.forEach((now, i) => {
    const inTimeHere = now.latenciesMs.filter((ms) => ms <= objectiveMs).length;
    asked += now.answered + now.failed;
    inTime += inTimeHere;
    lines.push(lineOf(now, quiet[i] ?? now, inTimeHere), ...now.failures.map((failure) => `  ${failure}`));
    if (now.wrong > 0) faults.push(`${now.wrong} wrong answers to ${now.kind}`);
  });
  if (inTime < inTimeMin * asked)
    faults.push(`${inTime} of ${asked} bystanders' queries in time, ${100 * inTimeMin} % are promised`);
  return { lines, faults };
}

/** A process of its own is what a suspect costs; so engine processes count by what one of them holds. */
function judgeMemory({ before, after }: Findings) {
  const lines: string[] = [];
  let [bytesBefore, bytesAfter] = [0, 0];
  for (const [name, was] of before) {
    const is = after.get(name) ?? { bytes: 0, processes: 0 };
    bytesBefore += was.bytes;
    bytesAfter += (is.bytes / Math.max(1, is.processes)) * was.processes;
    lines.push(`${name.padEnd(30)} ${wordsOf(was)} → ${wordsOf(is)}`);
  }
  const ratio = bytesAfter / bytesBefore;
  lines.push(
    `resident memory: ${mebibytes(sum([...before.values()].map(({ bytes }) => bytes)))} MiB before, ` +
      `${mebibytes(sum([...after.values()].map(({ bytes }) => bytes)))} after; with as many engine processes × ${ratio.toFixed(3)}`,
  );
  const faults = ratio > memoryMax ? [`resident memory × ${ratio.toFixed(3)}, at most × ${memoryMax}`] : [];
  return { lines, faults };
}

function lineOf(now: Seen, quiet: Seen, inTime: number): string {
  const { kind, answered, failed, wrong } = now;
  return [
    ...[kind.padEnd(12), String(answered).padStart(9), String(failed).padStart(7)],
    ...[String(wrong).padStart(6), ((100 * inTime) / (answered + failed)).toFixed(4).padStart(9)],
    ...[percentileMs(now, 0.99), percentileMs(quiet, 0.99)].map((ms) => ms.toFixed(2).padStart(8)),
    percentileMs(now, 1).toFixed(0).padStart(11),
  ].join(" ");
}

function wordsOf({ bytes, processes }: Held): string {
  return `${mebibytes(bytes).padStart(5)} MiB${processes > 1 ? ` in ${processes}` : ""}`;
}

function mebibytes(bytes: number): string {
  return (bytes / mebi).toFixed(0);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
