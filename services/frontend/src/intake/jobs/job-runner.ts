import { type Job, JobState } from "@infaas/api";
import { FIRST_OFFLINE_SHARE, type OfflineShare, offlineShare } from "@infaas/policy";
import { Backoff, type Clock, every, type Lifecycle, type Logger, ServiceError } from "@infaas/runtime";
import type { ClusterView } from "../../view/cluster-view";
import type { DemandTable } from "../../view/demand-table";
import { capacityOf, heldQueries, instancesFor, promisedShare } from "./job-capacity";
import { type JobRunPorts, runTurn } from "./job-run";
import { RowGate } from "./row-gate";

export interface JobRunnerOptions extends Omit<JobRunPorts, "gate"> {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly view: ClusterView;
  readonly demandTable: DemandTable;
  /** Term that this frontend leads in; null: it does not, and runs nothing. */
  readonly term: () => bigint | null;
}

/** How often it is decided which jobs run, and how many of their rows. */
const DECIDE_PERIOD_MS = 250;
/** Oldest view by which jobs are started. */
const VIEW_AGE_MAX_MS = 3_000;
/** Jobs that run at once; each holds two chunks and their answers. */
const JOBS_AT_ONCE_MAX = 4;
/** Pauses after a turn that failed. */
const TURN_PAUSE_FIRST_MS = 250;
const TURN_PAUSE_MAX_MS = 30_000;

/** A job that runs, or pauses after a turn that failed. */
interface Running {
  readonly term: bigint;
  readonly ending: AbortController;
  readonly done: Promise<void>;
}

/** Runs jobs while this frontend leads, a few at a time and in turns, with as many rows as online queries leave room for. */
export class JobRunner {
  private readonly gate = new RowGate();
  private readonly running = new Map<string, Running>();
  /** Number of its last turn by job. */
  private readonly turns = new Map<string, number>();
  /** What metadata told last of a job that ran: the view may not have it yet, and what is recorded is not run again. */
  private readonly told = new Map<string, Job>();
  private readonly pauses = new Map<string, { readonly backoff: Backoff; untilMs: number }>();
  private turn = 0;
  private share: OfflineShare = FIRST_OFFLINE_SHARE;
  private seen = { ended: 0, missed: 0 };
  private waiting = 0;

  constructor(private readonly o: JobRunnerOptions) {}

  get isLeading(): boolean {
    return this.o.term() !== null;
  }

  /** Rows of jobs under way. */
  get rowsInFlight(): number {
    return this.gate.inFlight;
  }

  /** Rows of jobs that may be under way. */
  get rowsMax(): number {
    return this.share.rows;
  }

  /** Runs until the process ends. */
  start(lifecycle: Lifecycle): void {
    const failed = (error: unknown) => this.o.logger.error("jobs not decided", { error });
    const timer = every(this.o.clock, DECIDE_PERIOD_MS, () => this.decide(), failed);
    lifecycle.onStop("jobs", async () => {
      timer.cancel();
      const all = [...this.running.values()];
      for (const { ending } of all) ending.abort();
      await Promise.all(all.map(({ done }) => done));
    });
  }

  private decide(): void {
    const { view } = this.o;
    // Once it has seen its own lead, it has seen whatever another wrote before.
    const term = view.leadTerm === this.o.term() && view.ageMs <= VIEW_AGE_MAX_MS ? view.leadTerm : null;
    const jobs = term === null ? [] : view.jobs.filter(({ state }) => state === JobState.RUNNING);
    const names = new Set(jobs.map(({ name }) => name));
    for (const [name, { ending, term: of }] of this.running)
      if (!names.has(name) || of !== term) ending.abort();
    for (const memory of [this.turns, this.pauses, this.told])
      for (const name of memory.keys()) if (!names.has(name)) memory.delete(name);
    this.decideShare(jobs);
    if (term !== null) this.startTurns(jobs, term);
  }

  private decideShare(jobs: readonly Job[]): void {
    const { view, clock, demandTable } = this.o;
    const { ended, missed } = demandTable.outcomes();
    const since = {
      ended: Math.max(0, ended - this.seen.ended),
      missed: Math.max(0, missed - this.seen.missed),
    };
    this.seen = { ended, missed };
    const instances = new Set(jobs.flatMap((job) => instancesFor(view, job)));
    const { windowRows } = capacityOf(instances);
    const onlineRows = Math.max(0, heldQueries(view, instances) - this.gate.inFlight);
    const neededShare = promisedShare(view, jobs, clock.epochMs());
    const facts = { windowRows, onlineRows, ...since, neededShare };
    this.share = offlineShare(this.share, facts, clock.nowMs());
    this.gate.setLimit(this.share.rows);
  }

  /** Those with the earliest deadline first, then those whose last turn is longest ago. */
  private startTurns(jobs: readonly Job[], term: bigint): void {
    const nowMs = this.o.clock.nowMs();
    const due = jobs.filter((job) => this.isDue(job, nowMs));
    const deadlineOf = ({ deadlineEpochMs }: Job) => deadlineEpochMs || Number.POSITIVE_INFINITY;
    const turnOf = ({ name }: Job) => this.turns.get(name) ?? 0;
    const before = (a: Job, b: Job) =>
      turnOf(a) - turnOf(b) || a.submittedEpochMs - b.submittedEpochMs || (a.name < b.name ? -1 : 1);
    due.sort((a, b) => (deadlineOf(a) === deadlineOf(b) ? before(a, b) : deadlineOf(a) - deadlineOf(b)));
    const free = Math.max(0, JOBS_AT_ONCE_MAX - this.running.size);
    for (const job of due.slice(0, free)) this.startTurn(job, term);
    this.waiting = Math.max(0, due.length - free);
  }

  private isDue({ name, parts }: Job, nowMs: number): boolean {
    if (this.running.has(name) || (this.pauses.get(name)?.untilMs ?? 0) > nowMs) return false;
    const told = this.told.get(name);
    return told === undefined || (told.state === JobState.RUNNING && told.parts.length <= parts.length);
  }

  private startTurn(job: Job, term: bigint): void {
    const { name } = job;
    const ending = new AbortController();
    this.turns.set(name, ++this.turn);
    const ports = { ...this.o, gate: this.gate };
    const turn = { job, term, signal: ending.signal, yields: () => this.waiting > 0 };
    const done = runTurn(ports, turn).then(
      (told) => this.ended(told),
      (error) => this.failed(name, ServiceError.from(error)),
    );
    this.running.set(name, { term, ending, done });
  }

  private ended(told: Job): void {
    const { name } = told;
    this.told.set(name, told);
    this.pauses.delete(name);
    this.running.delete(name);
    if (this.waiting > 0) this.decide();
  }

  /** Metadata or the executors were away: the job goes on from its record after a pause. */
  private failed(name: string, error: ServiceError): void {
    const { clock, logger, random: jitter } = this.o;
    this.running.delete(name);
    const options = { firstMs: TURN_PAUSE_FIRST_MS, maxMs: TURN_PAUSE_MAX_MS, jitter };
    const pause = this.pauses.get(name) ?? { backoff: new Backoff(options), untilMs: 0 };
    const pauseMs = pause.backoff.failed();
    pause.untilMs = clock.nowMs() + pauseMs;
    this.pauses.set(name, pause);
    logger.warn("a job's turn failed, it goes on from its record", {
      job: name,
      error: error.message,
      pauseMs,
    });
  }
}
