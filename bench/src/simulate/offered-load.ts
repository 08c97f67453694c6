import { acceptQuery, type IncomingQuery, rpcFace } from "@infaas/frontend";
import type { Slo } from "@infaas/policy";
import { Code, unnamedCaller } from "@infaas/runtime";
import type { SimulatedCluster } from "./cluster/simulated-cluster";
import type { SimulatedFrontend } from "./cluster/simulated-frontend";
import { RowsBody } from "./cluster/virtual-link";
import { SIMULATED_TASK } from "./cluster/zoo-variants";
import { emptyTally, type Tally } from "./tally";
import type { Arrivals } from "./workload/arrivals";

/** Queries of one kind, one after another. */
export interface LoadOptions {
  readonly arrivals: Arrivals;
  /** Task, or architecture, that is asked; default: the task of the simulation. */
  readonly target?: string;
  readonly rows: number;
  readonly latencyMs: number | null;
  readonly minAccuracy: number | null;
  readonly objective?: Slo["objective"];
  /** What becomes of queries is told apart by their arrival within windows of so many ms; default: one window. */
  readonly windowMs?: number;
}

/** After the last arrival: longer than any query may take. */
const SETTLE_MS = 120_000;
const STEP_MS = 100;
const US_PER_MS = 1_000;
const CALLER = unnamedCaller("simulation:1");

/** Queries that come whatever becomes of those before them, each to the next frontend that lives. */
export class OfferedLoad {
  /** By window of their arrival. */
  readonly windows: Tally[] = [];
  /** All have arrived. */
  isOver = false;
  /** Queries that have not ended. */
  open = 0;
  /** Virtual time of the last end, since the beginning. */
  lastMs = 0;
  private readonly slo: Slo;
  private readonly times: Iterator<number>;
  private readonly startMs: number;
  private turn = 0;

  constructor(
    private readonly cluster: SimulatedCluster,
    private readonly o: LoadOptions,
  ) {
    this.slo = {
      latencyMs: o.latencyMs,
      minAccuracy: o.minAccuracy,
      maxCostUsd: null,
      objective: o.objective ?? "min-cost",
      noDowngrade: false,
      deterministic: false,
    };
    this.startMs = cluster.clock.nowMs();
    this.times = o.arrivals[Symbol.iterator]();
    this.next();
  }

  /** Advances until each query has ended; returns what became of them. */
  async settled(): Promise<readonly Tally[]> {
    const { clock } = this.cluster;
    while (!this.isOver) await clock.advance(STEP_MS);
    const untilMs = clock.nowMs() + SETTLE_MS;
    while (this.open > 0 && clock.nowMs() < untilMs) await clock.advance(STEP_MS);
    return this.windows;
  }

  private next(): void {
    const { done, value } = this.times.next();
    if (done === true) {
      this.isOver = true;
      return;
    }
    const { clock } = this.cluster;
    // Due times are kept unrounded: the clock's microseconds would bias the rate.
    const inMs = Math.round((this.startMs + value - clock.nowMs()) * US_PER_MS) / US_PER_MS;
    clock.setTimer(inMs, () => {
      this.ask();
      this.next();
    });
  }

  private ask(): void {
    const { cluster, o } = this;
    const tally = this.window();
    tally.offered++;
    const frontend = cluster.frontendFor(this.turn++);
    if (frontend === null) tally.lost++;
    else acceptQuery(frontend.core.intake, this.query(frontend, tally, o));
  }

  private window(): Tally {
    const { windowMs = Number.POSITIVE_INFINITY } = this.o;
    const index = Math.floor((this.cluster.clock.nowMs() - this.startMs) / windowMs);
    for (let n = this.windows.length; n <= index; n++) this.windows.push(emptyTally());
    return this.windows[index] as Tally;
  }

  private query(frontend: SimulatedFrontend, tally: Tally, { target, rows }: LoadOptions): IncomingQuery {
    const { clock } = this.cluster;
    const { slo } = this;
    this.open++;
    const requirements = { slo, explain: false, priority: 0, queueTimeoutMs: null, deadlineBinds: false };
    const demand = { requirements, rows, sent: NOTHING_SENT };
    // A process that was killed tells nobody anything: what it still answers was lost.
    const ended = () => {
      this.open--;
      this.lastMs = clock.nowMs() - this.startMs;
      if (!frontend.alive) tally.lost++;
      return frontend.alive;
    };
    return {
      target: target ?? SIMULATED_TASK,
      version: "",
      id: "",
      body: new RowsBody(rows),
      arrivedMs: clock.nowMs(),
      caller: CALLER,
      face: SIMULATED_FACE,
      traceparent: undefined,
      isRetry: false,
      demand: () => demand,
      tensors: (body) => body,
      answer: (_, { receipt }) => {
        if (!ended()) return;
        const { totalMs, computeMs, variant, costUsd, cold, downgraded } = receipt;
        const isLate = slo.latencyMs !== null && totalMs > slo.latencyMs;
        if (isLate) tally.late++;
        else tally.inTime++;
        if (isLate && cold) tally.coldLate++;
        tally.totalMs += totalMs;
        tally.waitMs += totalMs - computeMs;
        tally.accuracy += variant.accuracy?.value ?? 0;
        tally.receiptsUsd += costUsd;
        if (cold) tally.cold++;
        if (downgraded) tally.downgraded++;
      },
      refuse: ({ code }) => {
        if (!ended()) return;
        if (code === Code.CANCELLED) tally.cancelled++;
        else tally.refused.set(code, (tally.refused.get(code) ?? 0) + 1);
      },
    };
  }
}

/** Nothing listens in a simulation. */
const SIMULATED_FACE = rpcFace("/infaas.v1.InferenceService/Query");
const NOTHING_SENT: readonly never[] = [];
