import { type Random, seededRandom } from "@infaas/runtime";
import { drawnTimes } from "./cluster/service-times";
import { SimulatedCluster } from "./cluster/simulated-cluster";
import { simulatedVariant } from "./cluster/zoo-variants";
import { OfferedLoad } from "./offered-load";
import { HOST, PURPOSE } from "./poisson";
import { answeredOf, sumOf } from "./tally";
import { percent } from "./text";
import { poissonCount } from "./workload/arrivals";
import { exponential } from "./workload/draws";

/** A queue by Kendall's notation: Poisson arrivals, service constant (D) or exponential (M), so many servers. */
export interface QueueKind {
  readonly service: "D" | "M";
  readonly servers: number;
}

export interface QueueOptions extends QueueKind {
  readonly seed: number;
  /** Share of the servers' time that is asked for, above 0, below 1. */
  readonly utilisation: number;
  /** Queries through the whole of the code, and through the recursion alone. */
  readonly queries: number;
  readonly recursionQueries: number;
}

/** Mean waits in services. */
export interface QueueOutcome {
  /** By the formula. */
  readonly expected: number;
  /** By the recursion, over `recursionQueries`. */
  readonly recursion: number;
  /** Through the code that serves, and by the recursion for the same queries and services. */
  readonly simulated: number;
  readonly same: number;
}

/** Bound once: where tests run, each look at a global is a call. */
const { abs, exp, log, max } = Math;
const SERVICE_MS = 1;
const QUEUES: readonly QueueKind[] = [
  { service: "M", servers: 1 },
  { service: "D", servers: 1 },
  { service: "M", servers: 4 },
  { service: "D", servers: 4 },
];
const UTILISATIONS = [0.5, 0.7, 0.9, 0.95];
/** Queries of the long form. */
const LONG = { queries: 20_000, recursionQueries: 20_000_000 } as const;

/** Returns mean waits through the code that serves beside those of queueing theory, one line for each queue and load. */
export async function simulateQueues({ seed }: { readonly seed: number }): Promise<string> {
  const lines = [
    "mean wait in services; 'off' compares each with the one before it, the last with the recursion for the same queries",
    "queue   load   formula  recursion      off  simulated      off",
  ];
  for (const kind of QUEUES) {
    for (const utilisation of UTILISATIONS) {
      const found = await simulateQueue({ ...kind, ...LONG, seed, utilisation });
      const { expected, recursion, simulated, same } = found;
      const cells = [`M/${kind.service}/${kind.servers}`.padEnd(6), String(utilisation).padStart(6)];
      cells.push(expected.toFixed(4).padStart(10), recursion.toFixed(4).padStart(11));
      cells.push(percent(recursion / expected - 1).padStart(9), simulated.toFixed(4).padStart(11));
      lines.push([...cells, percent(simulated / same - 1).padStart(9)].join(""));
    }
  }
  return lines.join("\n");
}

/**
 * Returns mean waits of one queue: through frontend, links, executor and the native batcher, and by the recursion of Kiefer and
 * Wolfowitz. A mean wait near saturation needs millions of queries to be known within 1 %, so the recursion, which is quick, is
 * held against the formula, and the code against the recursion for the very same arrivals and services.
 */
export async function simulateQueue(o: QueueOptions): Promise<QueueOutcome> {
  const { seed, service, servers, utilisation, queries } = o;
  const perSecond = (utilisation * servers * 1_000) / SERVICE_MS;
  const streams = () => ({
    arrivals: seededRandom(seed * 1_000 + PURPOSE.arrivals),
    services: seededRandom(seed * 1_000 + PURPOSE.noise),
  });
  const drawOf = (random: Random) => () => SERVICE_MS * (service === "D" ? 1 : exponential(random));
  const simulating = streams();
  const latencyMs = [[1, SERVICE_MS]] as const;
  const variant = simulatedVariant("queue", {
    ...{ accuracy: 1, latencyMs, loadMs: 1, memoryBytes: 1n },
    concurrency: servers,
  });
  const cluster = await SimulatedCluster.open({
    ...{ seed, policy: "infaas", hopMs: 0, times: drawnTimes(drawOf(simulating.services)) },
    ...{ variants: [variant], host: { ...HOST, cores: servers } },
    ...{ frontends: 1, frontendArgs: [], figuresLost: 0, figuresDelayMs: 0 },
  });
  cluster.startExecutor("executor-1");
  await cluster.loadEverywhere();
  const arrivals = poissonCount(perSecond, queries, simulating.arrivals);
  const tally = sumOf(await new OfferedLoad(cluster, { arrivals, rows: 1, ...UNBOUNDED }).settled());
  await cluster.stop();
  const alone = (count: number) => {
    const { arrivals, services } = streams();
    return meanWaitMs(poissonCount(perSecond, count, arrivals), drawOf(services), servers) / SERVICE_MS;
  };
  return {
    expected: expectedWait(o, utilisation),
    recursion: alone(o.recursionQueries),
    simulated: tally.waitMs / answeredOf(tally) / SERVICE_MS,
    same: alone(queries),
  };
}

const UNBOUNDED = { latencyMs: null, minAccuracy: null } as const;

/** The mean wait of queries that are served in the order of their arrival, each by the server that is free first. */
export function meanWaitMs(arrivals: Iterable<number>, drawMs: () => number, servers: number): number {
  const freeMs = new Float64Array(servers);
  let [sum, count] = [0, 0];
  for (const atMs of arrivals) {
    let first = 0;
    for (let n = 1; n < servers; n++) if ((freeMs[n] ?? 0) < (freeMs[first] ?? 0)) first = n;
    const beginMs = max(atMs, freeMs[first] ?? 0);
    freeMs[first] = beginMs + drawMs();
    sum += beginMs - atMs;
    count++;
  }
  return sum / count;
}

/** The mean wait in services, by Erlang's C (M/M/c) and by Crommelin's series (M/D/c; Tijms, A First Course in Stochastic Models, 9.6). */
export function expectedWait({ service, servers }: QueueKind, utilisation: number): number {
  const asked = utilisation * servers;
  return service === "M" ? erlangC(servers, asked) / (servers - asked) : crommelin(servers, asked);
}

/** Probability of waiting. */
function erlangC(servers: number, asked: number): number {
  let term = 1;
  let sum = 0;
  for (let n = 0; n < servers; n++) {
    sum += term;
    term *= asked / (n + 1);
  }
  const waiting = (term * servers) / (servers - asked);
  return waiting / (sum + waiting);
}

/** Terms are added until they are this small. */
const SMALL = 1e-10;

function crommelin(servers: number, asked: number): number {
  let sum = 0;
  let logFactorial = 0;
  for (let i = 1; ; i++) {
    for (let n = (i - 1) * servers + 1; n <= i * servers; n++) logFactorial += log(n);
    const [mean, from] = [i * asked, i * servers];
    // Probability that a Poisson variable of this mean is `from`, and that it is more.
    const exactly = exp(from * log(mean) - mean - logFactorial);
    const more = poissonAbove(mean, from, exactly);
    const term = exactly + more - (servers / asked) * more;
    sum += term;
    if (abs(term) < SMALL) return sum;
  }
}

function poissonAbove(mean: number, from: number, exactly: number): number {
  let sum = 0;
  let term = exactly;
  for (let n = from + 1; term > SMALL * exactly; n++) {
    term *= mean / n;
    sum += term;
  }
  return sum;
}
