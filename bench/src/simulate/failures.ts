import { seededRandom } from "@infaas/runtime";
import { Invariants } from "./cluster/invariants";
import { profiledTimes } from "./cluster/service-times";
import { SimulatedCluster } from "./cluster/simulated-cluster";
import { SIMULATED_HOST } from "./cluster/simulated-executor";
import { VirtualHosts } from "./cluster/virtual-hosts";
import { simulatedVariant } from "./cluster/zoo-variants";
import { OfferedLoad } from "./offered-load";
import { PURPOSE } from "./poisson";
import { answeredOf, openOf, refusedOf, sumOf } from "./tally";
import { percent } from "./text";
import { poisson } from "./workload/arrivals";
import { exponential, logNormal } from "./workload/draws";

/** Cluster, load and failures of `simulate failures`: hosts of one core that answer 40 queries a second. */
const FAILURES = {
  frontends: 3,
  latencyMs: 500,
  serviceMs: 25,
  noise: 0.05,
  hopMs: 0.2,
  minHosts: 1,
  maxHosts: 6,
  host: SIMULATED_HOST,
  bootMs: 5_000,
  bootSigma: 0.5,
  restartMs: 1_000,
  billedMinMs: 60_000,
  /** A host that comes late, past what its provider waits for; one that never does. */
  lateMs: 70_000,
  lateShare: 0.1,
  neverShare: 0.05,
  meanGapSeconds: 12,
  lastSeconds: 20,
  restMultiple: 0.5,
  multiples: [0.3, 1.2, 2.2, 0.6, 1.7],
} as const;

/** How long things fail while the load changes, and then stand. */
export interface FailuresLength {
  readonly failingSeconds: number;
  readonly settlingSeconds: number;
}

const LENGTH: FailuresLength = { failingSeconds: 150, settlingSeconds: 150 };
/** Share of the queries of the last seconds, long after the last failure, that are answered in time. */
const SETTLED_IN_TIME = 0.99;
const MS_PER_SECOND = 1_000;

/** What became of one seed. */
export interface FailuresOutcome {
  readonly seed: number;
  /** What did not hold; empty: everything did. */
  readonly faults: readonly string[];
  readonly failures: readonly string[];
  readonly summary: string;
}

/** Runs one seed, or the seeds from 1 on; a seed with faults tells all that happened. Returns how many held. */
export async function simulateFailures(o: {
  readonly seed: number;
  readonly seeds: number;
  /** Is told each seed as soon as it is known. */
  readonly say: (line: string) => void;
}): Promise<string> {
  const { say } = o;
  const seeds = o.seeds === 0 ? [o.seed] : Array.from({ length: o.seeds }, (_, i) => i + 1);
  let broken = 0;
  for (const seed of seeds) {
    const { faults, failures, summary } = await failuresOf(seed);
    say(`seed ${seed}: ${summary}`);
    if (faults.length === 0) continue;
    broken++;
    for (const line of failures) say(`    ${line}`);
    for (const line of faults) say(`  FAULT ${line}`);
    say(`  again: npm run bench -- simulate failures --seed ${seed}`);
  }
  return `${seeds.length - broken} of ${seeds.length} seeds held every invariant`;
}

/** Random failures under a load that changes, with invariants checked after every event; then whether all settles. */
export async function failuresOf(seed: number, length = LENGTH): Promise<FailuresOutcome> {
  const run = await FailureRun.open(seed, length);
  await run.fail();
  return await run.settle();
}

class FailureRun {
  private readonly told: string[] = [];
  private readonly load: OfferedLoad;

  private constructor(
    private readonly seed: number,
    private readonly cluster: SimulatedCluster,
    private readonly hosts: VirtualHosts,
    private readonly invariants: Invariants,
    private readonly length: FailuresLength,
  ) {
    const { serviceMs, latencyMs, multiples, restMultiple } = FAILURES;
    const { failingSeconds, settlingSeconds } = length;
    const perSecond = MS_PER_SECOND / serviceMs;
    const piece = failingSeconds / multiples.length;
    const rateAt = (at: number) => (multiples[Math.floor(at / piece)] ?? restMultiple) * perSecond;
    const most = Math.max(...multiples) * perSecond;
    const arrivals = poisson(
      rateAt,
      most,
      failingSeconds + settlingSeconds,
      cluster.randomOf(PURPOSE.arrivals),
    );
    const windowMs = MS_PER_SECOND;
    this.load = new OfferedLoad(cluster, { arrivals, rows: 1, latencyMs, minAccuracy: null, windowMs });
    invariants.hasDemand = true;
  }

  static async open(seed: number, length: FailuresLength): Promise<FailureRun> {
    const { host, frontends, hopMs, serviceMs, noise, minHosts, maxHosts, restartMs, billedMinMs } = FAILURES;
    const latencyMs = [[1, serviceMs]] as const;
    const shape = { latencyMs, loadMs: 500, memoryBytes: 50_000_000n } as const;
    const variants = [
      simulatedVariant("exact", { ...shape, accuracy: 0.9 }),
      simulatedVariant("small", { ...shape, accuracy: 0.8, latencyMs: [[1, serviceMs / 2]] }),
    ];
    let invariants: Invariants | null = null;
    const cluster = await SimulatedCluster.open(
      {
        ...{ seed, policy: "infaas", frontends, hopMs, variants, host },
        times: profiledTimes(variants, noise, seededRandom(seed * 1_000 + PURPOSE.noise)),
        ...{ frontendArgs: [], figuresLost: 0.05, figuresDelayMs: 50 },
      },
      () => invariants?.check(),
    );
    const hosts = new VirtualHosts(cluster, {
      ...{ minHosts, maxHosts, restartMs, billedMinMs },
      random: cluster.randomOf(PURPOSE.provider),
      bootMs: bootsOf(cluster),
    });
    invariants = new Invariants(cluster, maxHosts);
    hosts.start();
    await cluster.ready(variants.length);
    return new FailureRun(seed, cluster, hosts, invariants, length);
  }

  async fail(): Promise<void> {
    const { cluster } = this;
    const { clock } = cluster;
    const random = cluster.randomOf(PURPOSE.failures);
    const untilMs = clock.nowMs() + this.length.failingSeconds * MS_PER_SECOND;
    const kinds = [
      () => this.killExecutor(),
      () => this.killLeader(),
      () => this.killFollower(),
      () => this.cutMetadata(),
    ];
    for (;;) {
      const gapMs = exponential(random) * FAILURES.meanGapSeconds * MS_PER_SECOND;
      if (clock.nowMs() + gapMs >= untilMs) break;
      await clock.advance(gapMs);
      kinds[Math.floor(random.next() * kinds.length)]?.();
    }
    await clock.advance(untilMs - clock.nowMs());
    cluster.metadata.isAway = false;
  }

  async settle(): Promise<FailuresOutcome> {
    const { cluster, hosts, invariants, load, seed, told } = this;
    await cluster.clock.advance(this.length.settlingSeconds * MS_PER_SECOND);
    invariants.hasDemand = false;
    const windows = await load.settled();
    const faults = [...invariants.faults, ...invariants.unsettled.map((what) => `never settled: ${what}`)];
    const all = sumOf(windows);
    const last = sumOf(windows.slice(-FAILURES.lastSeconds));
    const share = last.inTime / Math.max(1, last.offered);
    if (share < SETTLED_IN_TIME)
      faults.push(`of the last ${FAILURES.lastSeconds} s ${percent(share)} were answered in time`);
    if (openOf(all) !== 0) faults.push(`${openOf(all)} queries never ended`);
    const { usd, starts } = hosts.bill();
    await invariants.stop();
    await hosts.stop();
    await cluster.stop();
    const ended = `${percent(all.inTime / all.offered)} of ${all.offered} in time, ${refusedOf(all)} refused, ${all.lost} lost, ${answeredOf(all) - all.inTime} late`;
    const summary = `${told.length} failures, ${ended}, ${starts} hosts, $${usd.toFixed(5)}`;
    return { seed, faults, failures: told, summary };
  }

  private killExecutor(): void {
    const [name] = this.hosts.up;
    if (name === undefined) return;
    this.note(`the executor of ${name} is killed`);
    this.hosts.kill(name);
  }

  private killLeader(): void {
    this.killFrontend(this.cluster.leader?.name);
  }

  private killFollower(): void {
    const alive = [...this.cluster.frontends.values()].filter((one) => one.alive && !one.isLeading);
    this.killFrontend(alive[0]?.name);
  }

  private killFrontend(name: string | undefined): void {
    if (name === undefined) return;
    this.note(`${name} is killed`);
    this.cluster.frontends.get(name)?.kill();
    this.cluster.clock.setTimer(FAILURES.restartMs, () => void this.cluster.startFrontend(name));
  }

  private cutMetadata(): void {
    const { cluster } = this;
    this.note("nobody reaches metadata for 3 s");
    cluster.metadata.isAway = true;
    cluster.clock.setTimer(3 * MS_PER_SECOND, () => {
      cluster.metadata.isAway = false;
    });
  }

  private note(what: string): void {
    this.told.push(`at ${(this.cluster.clock.nowMs() / MS_PER_SECOND).toFixed(3)} s: ${what}`);
  }
}

/** The first host comes: without one nothing could be asked. */
function bootsOf(cluster: SimulatedCluster): () => number {
  const boots = cluster.randomOf(PURPOSE.boots);
  let count = 0;
  return () => {
    const draw = boots.next();
    const { bootMs, bootSigma, lateMs, lateShare, neverShare } = FAILURES;
    const usualMs = bootMs * logNormal(boots, bootSigma);
    if (count++ === 0) return usualMs;
    if (draw < neverShare) return Number.POSITIVE_INFINITY;
    return draw < neverShare + lateShare ? lateMs : usualMs;
  };
}
