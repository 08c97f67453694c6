import type { PolicyName } from "@infaas/policy";
import { codeName, seededRandom } from "@infaas/runtime";
import { profiledTimes } from "./cluster/service-times";
import { SimulatedCluster } from "./cluster/simulated-cluster";
import { SIMULATED_HOST } from "./cluster/simulated-executor";
import { VirtualHosts } from "./cluster/virtual-hosts";
import { zooVariant } from "./cluster/zoo-variants";
import { OfferedLoad } from "./offered-load";
import { PURPOSE } from "./poisson";
import { refusedOf, sumOf, type Tally } from "./tally";
import { percent } from "./text";
import { poisson } from "./workload/arrivals";
import { logNormal } from "./workload/draws";

/** Cluster and load of `simulate managed`: hosts of one core, queries of a batch each. */
const MANAGED = {
  rows: 16,
  latencyMs: 50,
  /** What `min-cost` asks for. */
  minAccuracy: 0.983,
  hopMs: 0.2,
  noise: 0.05,
  maxHosts: 6,
  /** Median and spread of the logarithm: half come within 8 s, 95 % within 16 s. */
  bootMs: 8_000,
  bootSigma: 0.42,
  restartMs: 1_000,
  billedMinMs: 60_000,
  host: SIMULATED_HOST,
  windowSeconds: 10,
} as const;

/** Part of the story with one load, in multiples of what one host answers. */
export interface ManagedPhase {
  readonly multiple: number;
  readonly seconds: number;
}

/** One host is enough, two are not, one is enough again; a hold passes before the others go. */
export const MANAGED_PHASES: readonly ManagedPhase[] = [
  { multiple: 0.3, seconds: 60 },
  { multiple: 2.2, seconds: 120 },
  { multiple: 0.3, seconds: 240 },
];

export interface ManagedOptions {
  readonly seed: number;
  readonly policy: PolicyName;
  /** `max-accuracy` has a second variant, twelve times as fast and 0.0013 less accurate, and no floor. */
  readonly objective: "min-cost" | "max-accuracy";
  readonly phases: readonly ManagedPhase[];
}

/** Returns the story of a load that rises and falls with hosts that come and go, ten seconds a line; the same bytes for the same options. */
export async function simulateManaged(o: ManagedOptions): Promise<string> {
  const { seed, policy, objective, phases } = o;
  const { host, rows, latencyMs, hopMs, noise, windowSeconds, bootMs, bootSigma } = MANAGED;
  const { restartMs, billedMinMs, maxHosts } = MANAGED;
  const isBest = objective === "max-accuracy";
  const variants = [zooVariant("digits-vit"), ...(isBest ? [zooVariant("digits-cnn-s")] : [])];
  const minAccuracy = isBest ? null : MANAGED.minAccuracy;
  const times = profiledTimes(variants, noise, seededRandom(seed * 1_000 + PURPOSE.noise));
  const cluster = await SimulatedCluster.open({
    ...{ seed, policy, hopMs, times, variants, host },
    ...{ frontends: 2, frontendArgs: [], figuresLost: 0, figuresDelayMs: 0 },
  });
  const boots = cluster.randomOf(PURPOSE.boots);
  const hosts = new VirtualHosts(cluster, {
    ...{ minHosts: 1, maxHosts, restartMs, billedMinMs },
    random: cluster.randomOf(PURPOSE.provider),
    bootMs: () => bootMs * logNormal(boots, bootSigma),
  });
  hosts.start();
  const { clock } = cluster;
  await cluster.ready(variants.length);
  const hostPerSecond = 1_000 / times.batchMs(variants[0]?.name ?? "", rows);
  const seconds = phases.reduce((sum, phase) => sum + phase.seconds, 0);
  const rateAt = (at: number) => multipleAt(phases, at) * hostPerSecond;
  const most = Math.max(...phases.map(({ multiple }) => multiple)) * hostPerSecond;
  const arrivals = poisson(rateAt, most, seconds, cluster.randomOf(PURPOSE.arrivals));
  const asked = { rows, latencyMs, minAccuracy, objective, windowMs: windowSeconds * 1_000 };
  const load = new OfferedLoad(cluster, { arrivals, ...asked });
  const counts: (readonly [paid: number, up: number])[] = [];
  for (let at = windowSeconds; at <= seconds; at += windowSeconds) {
    await clock.advance(windowSeconds * 1_000);
    counts.push([hosts.count, hosts.up.length]);
  }
  const windows = await load.settled();
  const bill = hosts.bill();
  await hosts.stop();
  await cluster.stop();
  const rowsOf = windows.map((tally, index) => {
    const at = index * windowSeconds;
    const [paid, up] = counts[index] ?? [0, 0];
    const cells = [`${at}`, `${multipleAt(phases, at)}x`, `${up}`, `${paid}`, ...cellsOf(tally, isBest)];
    return cells.map((cell, column) => cell.padStart(WIDTHS[column] ?? 0)).join("");
  });
  const all = sumOf(windows);
  return [
    `simulate managed: seed ${seed}, policy ${policy}, ${objective}, hosts of ${host.cores} core at $${host.pricePerHourUsd} an hour, up to ${maxHosts}, ${hostPerSecond.toFixed(0)} queries/s each, objective ${latencyMs} ms`,
    `taken as: hop ${hopMs} ms each way, noise of service times ${noise}, hosts come in ${bootMs / 1_000} s in the median (spread ${bootSigma}), billed for ${billedMinMs / 1_000} s at the least, figures told at once, decisions take no time`,
    [
      "s",
      "load",
      "up",
      "paid",
      "offered",
      "in time",
      "late",
      "refused",
      ...(isBest ? ["less", "accuracy"] : []),
    ]
      .map((cell, column) => cell.padStart(WIDTHS[column] ?? 0))
      .join(""),
    ...rowsOf,
    `all: ${all.offered} offered, ${percent(all.inTime / all.offered)} in time, ${all.late} late, ${refusedOf(all)} refused${reasonsOf(all)}, ${all.lost} lost`,
    `bill: $${bill.usd.toFixed(5)} for ${bill.hostSeconds.toFixed(0)} host-seconds of ${bill.starts} starts: used ${bill.usedUsd.toFixed(5)}, boot ${bill.bootUsd.toFixed(5)}, idle ${bill.idleUsd.toFixed(5)}`,
  ].join("\n");
}

const WIDTHS = [5, 6, 4, 6, 9, 10, 7, 9, 7, 10];

function multipleAt(phases: readonly ManagedPhase[], seconds: number): number {
  let end = 0;
  for (const phase of phases) {
    end += phase.seconds;
    if (seconds < end) return phase.multiple;
  }
  return 0;
}

function cellsOf(tally: Tally, isBest: boolean): readonly string[] {
  const { offered, inTime, late, downgraded, accuracy } = tally;
  const cells = [`${offered}`, percent(inTime / Math.max(1, offered)), `${late}`, `${refusedOf(tally)}`];
  return isBest ? [...cells, `${downgraded}`, (accuracy / Math.max(1, inTime + late)).toFixed(4)] : cells;
}

function reasonsOf({ refused }: Tally): string {
  const all = [...refused].sort(([a], [b]) => a - b).map(([code, n]) => `${codeName(code)} ${n}`);
  return all.length === 0 ? "" : ` (${all.join(", ")})`;
}
