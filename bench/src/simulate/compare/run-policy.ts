import type { PolicyName } from "@infaas/policy";
import { Code, ServiceError, seededRandom } from "@infaas/runtime";
import { profiledTimes } from "../cluster/service-times";
import { SimulatedCluster } from "../cluster/simulated-cluster";
import { VirtualHosts } from "../cluster/virtual-hosts";
import { OfferedLoad } from "../offered-load";
import { PURPOSE } from "../poisson";
import { answeredOf, refusedOf, SHED, sumOf, type Tally } from "../tally";
import { type Books, unbalanced } from "./books";
import { fleetOf } from "./fleet";
import { HostMeter } from "./host-meter";
import type { Outcome, Violations } from "./outcome";
import { type Scenario, WORLD } from "./scenario";
import { countsOf, traceOf } from "./trace";

/** One run: JSON, so that a process can be asked for it. */
export interface Run {
  readonly scenario: Scenario;
  readonly policy: PolicyName;
  readonly seed: number;
}

const MS_PER_SECOND = 1_000;
const SECONDS_PER_HOUR = 3_600;
const SETTLE_STEP_MS = 100;

/** Returns what becomes of the load under this policy; fails where the books do not balance. */
export async function runPolicy({ scenario, policy, seed }: Run): Promise<Outcome> {
  const { variants, host, classes, seconds, warmupSeconds, bootMs } = scenario;
  const { noise, billedMinMs, minHosts, restartMs, ...world } = WORLD;
  const trace = traceOf(scenario, seed);
  const { told, maxHosts } = fleetOf(policy, scenario, trace);
  const times = profiledTimes(variants, noise, seededRandom(seed * MS_PER_SECOND + PURPOSE.noise));
  const cluster = await SimulatedCluster.open({
    ...{ ...world, seed, policy, told, times, variants, host, frontendArgs: [] },
  });
  const hosts = new VirtualHosts(cluster, {
    ...{ minHosts, maxHosts, restartMs, billedMinMs },
    random: cluster.randomOf(PURPOSE.provider),
    bootMs: () => bootMs,
  });
  hosts.start();
  const { clock } = cluster;
  await cluster.until("a host is up", () => hosts.up.length > 0);
  await cluster.ready(1);
  const meter = new HostMeter(cluster, hosts, billedMinMs);
  const loads = classes.map(({ target, latencyMs, minAccuracy, objective }, index) => {
    const asked = { target, rows: 1, latencyMs, minAccuracy, objective, windowMs: MS_PER_SECOND };
    return new OfferedLoad(cluster, { arrivals: trace[index] ?? [], ...asked });
  });
  await clock.advance(warmupSeconds * MS_PER_SECOND);
  meter.begin();
  const loadsBefore = ledgerOf(cluster).loads;
  await clock.advance((seconds - warmupSeconds) * MS_PER_SECOND);
  const hostSeconds = meter.end();
  const { count: starts, reversals } = meter.starts;
  const ledger = ledgerOf(cluster);
  const books: Books = {
    receiptsMs: ledger.takenMs,
    usedMs: hosts.usedMs,
    billedSeconds: meter.billedSeconds,
  };
  while (loads.some(({ isOver, open }) => !isOver || open > 0)) await clock.advance(SETTLE_STEP_MS);
  const all = sumOf(loads.flatMap(({ windows }) => windows.slice(warmupSeconds)));
  await hosts.stop();
  await cluster.stop();
  const outcome: Outcome = {
    ...{ policy, seed, starts, reversals, hostSeconds },
    ...{ offered: all.offered, inTime: all.inTime, cancelled: all.cancelled, downgraded: all.downgraded },
    seconds: seconds - warmupSeconds,
    violations: violationsIn(all),
    accuracySum: all.accuracy,
    answered: answeredOf(all),
    usdPerHostSecond: host.pricePerHourUsd / SECONDS_PER_HOUR,
    loads: ledger.loads - loadsBefore,
    arrivals: trace.map((times) => countsOf(times, seconds).slice(warmupSeconds)),
  };
  const faults = unbalanced(outcome, books);
  if (faults.length > 0)
    throw new ServiceError(
      Code.INTERNAL,
      `${policy}, seed ${seed} of ${scenario.name}: ${faults.join("; ")}`,
    );
  return outcome;
}

function violationsIn(all: Tally): Violations {
  const shed = SHED.reduce<number>((sum, code) => sum + (all.refused.get(code) ?? 0), 0);
  return {
    late: all.late - all.coldLate,
    shed,
    refused: refusedOf(all) - shed,
    cold: all.coldLate,
    lost: all.lost,
  };
}

/** What the engines of all executors that ever ran have noted. */
function ledgerOf(cluster: SimulatedCluster): { readonly loads: number; readonly takenMs: number } {
  let [loads, takenMs] = [0, 0];
  for (const { engines, cores } of cluster.everyExecutor) {
    loads += engines.ledger.loads;
    takenMs += engines.ledger.batchesMs + engines.ledger.loadsMs + cores.unfinishedMs;
  }
  return { loads, takenMs };
}
