import {
  buildCatalog,
  classKey,
  freshMemory,
  type HostChange,
  notedNeeds,
  type PhaseTime,
  type PlanBasis,
  phaseTime,
  planDue,
  plannedRows,
  planScaling,
  SCALING_DEFAULTS,
  type ScaledHost,
  type ScalingFacts,
  type ScalingMemory,
  type Variant,
} from "@infaas/policy";
import type { Random } from "@infaas/runtime";
import { NO_SLO } from "../query/requirements";
import { DemandCounters } from "../telemetry/demand-counters";
import { DemandTable } from "../view/demand-table";

/** One class of queries for one variant, and the hosts that may serve it. */
export interface ReplayOptions {
  readonly random: Random;
  /** Load at a time, as a multiple of what one host answers. */
  readonly loadAt: (seconds: number) => number;
  readonly seconds: number;
  /** Queries of `ROWS` rows that one host answers per second. */
  readonly hostPerSecond: number;
  readonly latencyMs: number;
  readonly holdMs: number;
  /** From asking for a host to its executor's joining. */
  readonly startMs: number;
  readonly minHosts: number;
  readonly maxHosts: number;
}

/** A change of hosts that was made. */
export interface ReplayedChange extends HostChange {
  readonly atSeconds: number;
}

export interface Replay {
  readonly changes: readonly ReplayedChange[];
  /** Hosts that are up or on their way, at the end of each second. */
  readonly hosts: readonly number[];
  /** Shares of the queries of each second that find a host in time. */
  readonly inTime: readonly number[];
}

/** Rows of a query: one is a batch. */
const ROWS = 64;
/** As `ScalingLoop` and `exchangeDemand` have it. */
const ROUND_MS = 250;
const PERIOD_MS = 1_000;
const NOTE_MS = 1_000;
const LOAD_MS = 300;
const DRAIN_MS = 1_500;
const VARIANT = "v";

/**
 * Replays the decisions about hosts over Poisson arrivals: the counters of a frontend, the table of the leader and the
 * policy are those of the product; hosts are a queue of work that those that are up share.
 */
export function replayScaling(o: ReplayOptions): Replay {
  return new ScalingReplay(o).run();
}

interface LiveHost {
  state: ScaledHost["state"];
  /** When it joins, has loaded what it should, or is empty. */
  dueMs: number;
  readyMs: number;
  placed: boolean;
}

class ScalingReplay {
  private nowMs = 0;
  private readonly counters = new DemandCounters({ nowMs: () => this.nowMs });
  private readonly table = new DemandTable();
  private readonly hosts = new Map<string, LiveHost>();
  private readonly changes: ReplayedChange[] = [];
  private readonly catalog: ScalingFacts["catalog"];
  private readonly options: typeof SCALING_DEFAULTS & { readonly holdMs: number };
  private memory: ScalingMemory;
  private basis: PlanBasis | null = null;
  private structure = 0;
  private startTime: PhaseTime | null = null;
  /** Work that waits, in seconds of one host. */
  private backlog = 0;

  constructor(private readonly o: ReplayOptions) {
    this.catalog = buildCatalog({ variants: [variantOf(o)] });
    this.options = { ...SCALING_DEFAULTS, holdMs: o.holdMs };
    this.memory = freshMemory(this.options, 0);
    for (let number = 1; number <= o.minHosts; number++)
      this.hosts.set(`executor-${number}`, { state: "up", dueMs: 0, readyMs: 0, placed: true });
  }

  run(): Replay {
    const hosts: number[] = [];
    const inTime: number[] = [];
    let dueMs = this.gapMs();
    for (let second = 1; second <= this.o.seconds; second++) {
      let [asked, met] = [0, 0];
      for (; this.nowMs < second * 1_000; ) {
        const roundMs = (Math.floor(this.nowMs / ROUND_MS) + 1) * ROUND_MS;
        for (; dueMs <= roundMs; dueMs += this.gapMs()) {
          this.advance(dueMs);
          asked++;
          if (this.offer()) met++;
        }
        this.advance(roundMs);
        this.round();
      }
      hosts.push([...this.hosts.values()].filter((host) => host.state !== "draining").length);
      inTime.push(asked === 0 ? 1 : met / asked);
    }
    return { changes: this.changes, hosts, inTime };
  }

  private gapMs(): number {
    const perSecond = this.o.loadAt(this.nowMs / 1_000) * this.o.hostPerSecond;
    return (-Math.log(1 - this.o.random.next()) / perSecond) * 1_000;
  }

  private serving(): number {
    return [...this.hosts.values()].filter((h) => h.state === "up" && h.placed && h.readyMs <= this.nowMs)
      .length;
  }

  private advance(toMs: number): void {
    const seconds = (toMs - this.nowMs) / 1_000;
    this.backlog = Math.max(0, this.backlog - seconds * this.serving());
    this.nowMs = toMs;
  }

  /** Returns whether the query is answered in time; what would be late is refused. */
  private offer(): boolean {
    const counts = this.counters.offered({
      target: VARIANT,
      slo: { ...NO_SLO, latencyMs: this.o.latencyMs },
      rows: ROWS,
      isRetry: false,
    });
    const serving = this.serving();
    const work = 1 / this.o.hostPerSecond;
    const isMet = serving > 0 && ((this.backlog + work) / serving) * 1_000 <= this.o.latencyMs;
    if (isMet) this.backlog += work;
    if (counts !== null) counts[isMet ? "inTime" : "refused.full"]++;
    return isMet;
  }

  private round(): void {
    this.table.take("frontend-1", this.counters.readings(), this.nowMs);
    if (this.nowMs % PERIOD_MS === 0) this.counters.sweep();
    this.settleHosts();
    const facts = this.facts();
    const needs = new Map(
      facts.demand.filter((one) => one.arrivals > 0).map((one) => [classKey(one), plannedRows(one)]),
    );
    if (this.nowMs % NOTE_MS === 0) this.memory = notedNeeds(this.memory, needs, this.nowMs);
    const isOverdue = () => facts.overdueMs > 0;
    const round = { nowMs: this.nowMs, structure: this.structure, needs, isOverdue };
    if (planDue(this.basis, round) === null) return;
    const plan = planScaling(facts, this.memory, this.options);
    this.memory = plan.memory;
    this.basis = { plan, atMs: this.nowMs, structure: this.structure };
    for (const change of plan.changes) this.apply(change);
    for (const { executor } of plan.placements) this.load(executor);
  }

  private facts(): ScalingFacts {
    const held = new Set([VARIANT]);
    const none = new Set<string>();
    return {
      nowMs: this.nowMs,
      catalog: this.catalog,
      pool: { ...HOST, minHosts: this.o.minHosts, maxHosts: this.o.maxHosts },
      hosts: [...this.hosts].map(([name, { state, placed, readyMs }]) => ({
        name,
        state,
        withdrawn: false,
        ready: placed && readyMs <= this.nowMs ? held : none,
        placed: placed ? held : none,
        loading: placed && readyMs > this.nowMs ? held : none,
        removable: placed ? held : none,
      })),
      demand: this.table.figures().map(({ latencyMs, arrivals, rate, rowsPerQuery, ...figures }) => ({
        target: { kind: "variant", name: VARIANT },
        minAccuracy: null,
        latencyMs,
        objective: "min-cost",
        rowsPerQuery,
        arrivals,
        rate,
        figures: { ...figures, rate },
      })),
      demandKnown: true,
      overdueMs: Math.max(0, (this.backlog / Math.max(1, this.serving())) * 1_000 - this.o.latencyMs),
      startsRestUntilMs: null,
      startTime: this.startTime,
    };
  }

  private settleHosts(): void {
    for (const [name, host] of this.hosts) {
      if (host.dueMs > this.nowMs) continue;
      if (host.state === "draining") this.hosts.delete(name);
      else if (host.state === "requested") {
        host.state = "up";
        this.startTime = phaseTime([this.o.startMs]);
      } else continue;
      this.structure++;
    }
    for (const host of this.hosts.values())
      if (host.placed && host.readyMs <= this.nowMs && host.readyMs > this.nowMs - ROUND_MS) this.structure++;
  }

  private apply(change: HostChange): void {
    this.changes.push({ ...change, atSeconds: this.nowMs / 1_000 });
    const { kind, host } = change;
    this.structure++;
    if (kind === "start")
      this.hosts.set(host, {
        state: "requested",
        dueMs: this.nowMs + this.o.startMs,
        readyMs: 0,
        placed: false,
      });
    if (kind === "cancel") this.hosts.delete(host);
    const there = this.hosts.get(host);
    if (kind === "drain" && there !== undefined) {
      there.state = "draining";
      there.dueMs = this.nowMs + DRAIN_MS;
    }
  }

  private load(name: string): void {
    const host = this.hosts.get(name);
    if (host === undefined) return;
    host.placed = true;
    host.readyMs = this.nowMs + LOAD_MS;
    this.structure++;
  }
}

const HOST = {
  hostType: "small",
  pricePerHourUsd: 0.012,
  cores: 1,
  memoryBytes: 1e9,
  deviceKinds: ["cpu"],
} as const;

/** It answers a query in the time of one, alone. */
function variantOf({ hostPerSecond }: ReplayOptions): Variant {
  const rowMs = 1_000 / hostPerSecond / ROWS;
  const points = [1, 8, ROWS].map((batch) => {
    const ms = rowMs * batch;
    return { batch, p50Ms: ms, p95Ms: 1.2 * ms, p99Ms: 1.3 * ms };
  });
  return {
    name: VARIANT,
    architecture: VARIANT,
    task: "digits/uci",
    version: 1,
    engine: "onnxruntime",
    deviceKind: "cpu",
    precision: "fp32",
    threads: 1,
    concurrency: 1,
    maxBatch: ROWS,
    accuracy: null,
    profile: {
      points,
      fit: { alphaMs: 0, betaMs: rowMs, worstResidualMs: 0 },
      loadMs: LOAD_MS,
      peakMemoryBytes: 1e6,
      saturationPerSecond: hostPerSecond * ROWS,
      hostType: HOST.hostType,
    },
  };
}
