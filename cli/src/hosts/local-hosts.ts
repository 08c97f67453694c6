import { type ClusterService, type Host, HostState, type JoinRequest, MemberKind } from "@infaas/api";
import { followMetadata, Membership, RECORD_CALL_TIMEOUT_MS, RecordTable } from "@infaas/cluster";
import {
  Backoff,
  type ClientOf,
  type Clock,
  createLogger,
  every,
  type Random,
  ServiceError,
  type Timer,
} from "@infaas/runtime";
import type { ProcessGroup, ProcessSpec } from "../system/process-group";
import type { CpuBudgets, HostBudget } from "./cpu-budget";
import { type HostProcess, type HostStep, nextHostStep } from "./host-step";

type Pool = NonNullable<NonNullable<JoinRequest["member"]>["pool"]>;

export interface LocalHostsOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Metadata. */
  readonly cluster: ClientOf<typeof ClusterService>;
  readonly pool: Omit<Pool, "$typeName">;
  readonly group: Pick<ProcessGroup, "start" | "end">;
  readonly budgets: CpuBudgets;
  /** The executor process of a host, by the number of the host from 1. */
  readonly executorOf: (number: number) => ProcessSpec;
  note(line: string): void;
}

/** Name of the provider among the members. */
const PROVIDER = "local-hosts";
/** How long the cluster waits for a sign of life of the provider; without one hosts stay as they are. */
const LEASE_TTL_MS = 5_000;
/** Steps that could not be taken are tried again so often. */
const PERIOD_MS = 1_000;
/** How long a host may take until its executor has joined; then it is ended, and the start has failed. */
const START_MAX_MS = 60_000;
/** Starts of one host in a row that may fail. */
const STARTS_MAX = 5;
/** A host that was up for so long starts anew with none. */
const STEADY_MS = 60_000;
/** Pauses before a host is started again. */
const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 10_000;

/** A process of a host, from the first attempt to start it. */
interface Attempt {
  state: Exclude<HostProcess["kind"], "none">;
  readonly budget: HostBudget;
  readonly backoff: Backoff;
  /** Why it ended the last time; empty: it did not. */
  fault: string;
  /** Why it is being ended; empty: it is not. */
  cause: string;
  /** A process of it runs. */
  running: boolean;
  /** Incarnation of the executor that was a member when the process was started. */
  before: string;
  /** When its executor joined. */
  joinedMs: number;
  timer: Timer | null;
}

/**
 * Hosts of this machine as their records ask: an executor process each, with its CPU time. Records tell the cluster what
 * became of them; whichever frontend leads next goes on from there.
 */
export class LocalHosts {
  private readonly records = new RecordTable();
  private readonly attempts = new Map<string, Attempt>();
  private readonly ending = new AbortController();
  private stepping: Promise<void> | null = null;
  private due = false;
  private ticking: Timer | null = null;
  private done: Promise<unknown> = Promise.resolve();

  constructor(private readonly o: LocalHostsOptions) {}

  /** Offers the pool to the cluster and follows the records of its hosts. */
  start(): void {
    const { cluster, clock, random, pool } = this.o;
    const { signal } = this.ending;
    const logger = createLogger({ service: PROVIDER, level: "error", write: (line) => this.o.note(line) });
    const ports = { cluster, clock, random, logger };
    const membership = new Membership({
      ...ports,
      member: () => ({ name: PROVIDER, kind: MemberKind.HOST_PROVIDER, pool }),
      leaseTtlMs: LEASE_TTL_MS,
    });
    const { records } = this;
    const listener = {
      get revision() {
        return records.revision;
      },
      received: (response: Parameters<RecordTable["apply"]>[0]) => {
        records.apply(response, clock.nowMs());
        this.step();
      },
      interrupted: () => records.interrupted(),
    };
    this.ticking = every(
      clock,
      PERIOD_MS,
      () => this.step(),
      () => undefined,
    );
    this.done = Promise.all([membership.run(signal), followMetadata({ ...ports, signal, listener })]);
  }

  /** Follows no more; processes are left to the group. */
  async stop(): Promise<void> {
    this.ending.abort();
    this.ticking?.cancel();
    for (const attempt of this.attempts.values()) {
      attempt.timer?.cancel();
      attempt.budget.ended();
    }
    await this.done;
    await this.stepping;
  }

  /** Takes every step that can be taken; a step that changes something is followed by another round. */
  private step(): void {
    this.due = true;
    this.stepping ??= this.rounds().finally(() => {
      this.stepping = null;
    });
  }

  private async rounds(): Promise<void> {
    while (this.due && !this.ending.signal.aborted && this.records.isComplete) {
      this.due = false;
      this.noteJoined();
      const hosts = new Map([...this.records.all("host")].map((host) => [host.name, host]));
      for (const name of new Set([...hosts.keys(), ...this.attempts.keys()])) {
        const host = hosts.get(name) ?? null;
        if (host !== null && host.provider !== PROVIDER) continue;
        await this.take(name, host, nextHostStep(host, this.attempts.get(name)?.state ?? "none"));
      }
    }
  }

  private async take(name: string, host: Host | null, step: HostStep): Promise<void> {
    if (step.kind === "start") this.attempt(name);
    else if (step.kind === "end") this.end(name);
    else if (step.kind === "forget") this.attempts.delete(name);
    else if (step.kind === "record") await this.record(name, host, step);
  }

  private async record(
    name: string,
    host: Host | null,
    { to, from }: Extract<HostStep, { kind: "record" }>,
  ): Promise<void> {
    const attempt = this.attempts.get(name);
    try {
      const recorded = {
        name,
        provider: PROVIDER,
        state: to,
        reason: host?.reason ?? "",
        fault: to === HostState.UP ? "" : (attempt?.fault ?? ""),
        failures: attempt?.backoff.failures ?? 0,
        changedEpochMs: this.o.clock.epochMs(),
        requestedEpochMs: host?.requestedEpochMs ?? 0,
      };
      const call = { timeoutMs: RECORD_CALL_TIMEOUT_MS };
      await this.o.cluster.setHost({ host: recorded, from: [...from] }, call);
    } catch {
      // Tried again with the next period, from what the record says then.
    }
  }

  /** Notes executors that have joined since their process was started. */
  private noteJoined(): void {
    for (const { name, kind, incarnation } of this.records.all("member")) {
      const attempt = kind === MemberKind.EXECUTOR ? this.attempts.get(name) : undefined;
      if (attempt?.state !== "starting" || !attempt.running || incarnation === attempt.before) continue;
      attempt.state = "joined";
      attempt.joinedMs = this.o.clock.nowMs();
      attempt.timer?.cancel();
    }
  }

  private attempt(name: string): void {
    const { random: jitter, budgets } = this.o;
    this.attempts.set(name, {
      state: "starting",
      budget: budgets.of(numberOf(name)),
      backoff: new Backoff({ firstMs: RETRY_FIRST_MS, maxMs: RETRY_MAX_MS, jitter }),
      fault: "",
      cause: "",
      running: false,
      before: "",
      joinedMs: 0,
      timer: null,
    });
    this.run(name);
    this.due = true;
  }

  private run(name: string): void {
    const attempt = this.attempts.get(name);
    if (attempt === undefined || this.ending.signal.aborted) return;
    const { budget } = attempt;
    const { clock, group } = this.o;
    attempt.before = [...this.records.all("member")].find((m) => m.name === name)?.incarnation ?? "";
    attempt.running = true;
    attempt.cause = "";
    attempt.timer = clock.setTimer(START_MAX_MS, () => {
      attempt.cause = `its executor had not joined after ${START_MAX_MS / 1000} s`;
      group.end(name);
    });
    group.start(prefixed(this.o.executorOf(numberOf(name)), budget.prefix), {
      started: (pid) => this.bound(name, budget, pid),
      ended: (how) => this.ended(name, attempt, how),
    });
  }

  /** A host that cannot be kept to its CPU time would tell others what is not so: it is ended. */
  private bound(name: string, budget: HostBudget, pid: number): void {
    try {
      budget.started(pid);
    } catch (error) {
      const attempt = this.attempts.get(name);
      if (attempt !== undefined)
        attempt.cause = `its CPU time could not be bounded: ${ServiceError.from(error).message}`;
      this.o.clock.setTimer(0, () => this.o.group.end(name));
    }
  }

  private end(name: string): void {
    const attempt = this.attempts.get(name);
    if (attempt === undefined) return;
    attempt.timer?.cancel();
    if (attempt.running) {
      attempt.state = "ending";
      this.o.group.end(name);
    } else {
      this.attempts.delete(name);
      attempt.budget.ended();
      this.due = true;
    }
  }

  private ended(name: string, attempt: Attempt, how: string): void {
    const { clock, note } = this.o;
    attempt.running = false;
    attempt.timer?.cancel();
    if (attempt.state === "ending") {
      this.attempts.delete(name);
      attempt.budget.ended();
      this.step();
      return;
    }
    if (attempt.state === "joined" && clock.nowMs() - attempt.joinedMs >= STEADY_MS)
      attempt.backoff.succeeded();
    attempt.fault = attempt.cause === "" ? how : attempt.cause;
    const pauseMs = attempt.backoff.failed();
    const { failures } = attempt.backoff;
    note(`${name}: ${attempt.fault} (${failures} of ${STARTS_MAX} in a row)`);
    if (failures >= STARTS_MAX) {
      attempt.state = "failed";
      attempt.budget.ended();
    } else {
      attempt.state = "starting";
      attempt.timer = clock.setTimer(pauseMs, () => this.run(name));
    }
    this.step();
  }
}

function numberOf(host: string): number {
  return Number(/\d+$/.exec(host)?.[0] ?? 0);
}

function prefixed({ name, command, args }: ProcessSpec, prefix: readonly string[]): ProcessSpec {
  const [first, ...rest] = prefix;
  return first === undefined
    ? { name, command, args }
    : { name, command: first, args: [...rest, command, ...args] };
}
