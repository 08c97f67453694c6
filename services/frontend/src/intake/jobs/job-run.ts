import { create } from "@bufbuild/protobuf";
import {
  type ArtifactService,
  JOB_PARTS_MAX,
  type Job,
  type JobPart,
  JobPartSchema,
  type JobRecordService,
  JobState,
} from "@infaas/api";
import { ArtifactClient, RECORD_CALL_TIMEOUT_MS } from "@infaas/cluster";
import { Backoff, type ClientOf, Code, type Random, ServiceError, sleep } from "@infaas/runtime";
import { lookUpNamed } from "../../query/named-model";
import type { IntakeOptions } from "../accept-query";
import { jobCaller } from "./job-caller";
import { ChunkReader } from "./job-input";
import { doneRows } from "./job-status";
import type { RowGate } from "./row-gate";
import { type ChunkAnswers, runChunk } from "./run-chunk";

/** What jobs are run with. */
export interface JobRunPorts {
  readonly random: Random;
  readonly intake: IntakeOptions;
  readonly gate: RowGate;
  readonly artifacts: ClientOf<typeof ArtifactService>;
  readonly records: ClientOf<typeof JobRecordService>;
}

/** One turn of a job: a leader's run of some of its chunks. */
export interface JobTurn {
  readonly job: Job;
  /** Of the leader that runs it. */
  readonly term: bigint;
  /** Another job waits for its turn: this one ends after the chunk that runs. */
  readonly yields: () => boolean;
  readonly signal: AbortSignal;
}

/** How long after it was submitted a job is run; then it has failed, and what was answered stays. */
export const JOB_RUN_MAX_MS = 7 * 24 * 60 * 60_000;
/** How long a part waits for room in the artifact store; then the job has failed. */
const PART_WAIT_MAX_MS = 10 * 60_000;
/** Pauses between attempts to write a part. */
const WRITE_PAUSE_FIRST_MS = 100;
const WRITE_PAUSE_MAX_MS = 5_000;

/** Refusals of metadata after which the record is not as this leader had seen it, or is another's to write. */
const overtaken: ReadonlySet<Code> = new Set([Code.ABORTED, Code.FAILED_PRECONDITION, Code.NOT_FOUND]);

/** Why a job cannot go on. */
class JobFailure extends ServiceError {}

/**
 * Runs a job from where its record stands, chunk by chunk, until it has ended, another waits, `signal` aborts, or its record is not
 * as seen any more; resolves with the record as metadata told it last. The next chunk runs while the part of the last is
 * written. Rejects when metadata cannot be reached.
 */
export async function runTurn(ports: JobRunPorts, turn: JobTurn): Promise<Job> {
  const { job, signal } = turn;
  const ending = new AbortController();
  const both = AbortSignal.any([signal, ending.signal]);
  const record = new JobRecord(ports, { ...turn, signal: both });
  const input = { artifacts: ports.artifacts, digest: job.inputDigest, tenant: job.owner, signal: both };
  const reader = new ChunkReader({ ...input, offset: record.inputEnd });
  let written = Promise.resolve();
  try {
    while (record.doneRows < job.rows) {
      const answers = await nextAnswers(ports, { job, reader, signal: both });
      if (answers === null) break;
      await written;
      written = record.add(answers);
      // What it rejects with is thrown where it is awaited.
      written.catch(() => ending.abort());
      if (turn.yields()) break;
    }
    await written;
  } catch (error) {
    await written.catch(() => undefined);
    const failure = ServiceError.from(error);
    if (signal.aborted || (overtaken.has(failure.code) && !(failure instanceof JobFailure)))
      return record.told;
    if (!(failure instanceof JobFailure)) throw failure;
    await new JobRecord(ports, { ...turn, job: record.told }).fail(failure.message);
  } finally {
    await reader.close().catch(() => undefined);
  }
  return record.told;
}

interface ChunkSource {
  readonly job: Job;
  readonly reader: ChunkReader;
  readonly signal: AbortSignal;
}

/** Runs the next chunk; null once `signal` aborts. */
async function nextAnswers(
  { intake, gate }: JobRunPorts,
  { job, reader, signal }: ChunkSource,
): Promise<ChunkAnswers | null> {
  const named = lookUpNamed(intake.view, job.target, "");
  if (named instanceof ServiceError && named.code === Code.NOT_FOUND)
    throw new JobFailure(Code.NOT_FOUND, named.message);
  const rows = await rowsOf(reader, job.chunkRows, signal);
  if (signal.aborted) return null;
  if (rows.length === 0) throw new JobFailure(Code.DATA_LOSS, "its input ends before its last row");
  const terms = { target: job.target, slo: job.slo, caller: jobCaller(intake.tenants, job) };
  const giveUpEpochMs = job.submittedEpochMs + JOB_RUN_MAX_MS;
  try {
    const answers = await runChunk({ intake, gate, terms, giveUpEpochMs, signal }, rows);
    if (answers !== null) reader.giveBack(rows.slice(answers.rows));
    return answers;
  } catch (error) {
    const { code, message } = ServiceError.from(error);
    throw new JobFailure(code, message);
  }
}

/** Refusals of an input that no later attempt has. */
const unreadable: ReadonlySet<Code> = new Set([
  Code.NOT_FOUND,
  Code.INVALID_ARGUMENT,
  Code.OUT_OF_RANGE,
  Code.DATA_LOSS,
]);

async function rowsOf(reader: ChunkReader, rowsMax: number, signal: AbortSignal) {
  try {
    return await reader.next(rowsMax);
  } catch (error) {
    if (signal.aborted) return [];
    const { code, message } = ServiceError.from(error);
    throw unreadable.has(code) ? new JobFailure(code, `its input cannot be read: ${message}`) : error;
  }
}

/** A job's record as a leader continues it. */
class JobRecord {
  /** As metadata told it last. */
  told: Job;
  /** Parts and rows, those that are being written among them. */
  private parts: number;
  private rows: number;
  private readonly files: ArtifactClient;

  constructor(
    private readonly ports: JobRunPorts,
    private readonly turn: Pick<JobTurn, "job" | "term" | "signal">,
  ) {
    const { job } = turn;
    this.told = job;
    this.parts = job.parts.length;
    this.rows = doneRows(job);
    this.files = new ArtifactClient(ports.artifacts, job.owner);
  }

  get doneRows(): number {
    return this.rows;
  }

  /** Where the first row without a line begins. */
  get inputEnd(): number {
    return Number(this.told.parts.at(-1)?.inputEnd ?? 0n);
  }

  /** Uploads answers and adds them as the next part; the last one ends the job. */
  async add({ content, rows, failedRows, costUsd, inputEnd }: ChunkAnswers): Promise<void> {
    const { job, signal } = this.turn;
    const fromPart = this.parts++;
    this.rows += rows;
    const isLast = this.rows >= job.rows;
    if (this.parts > JOB_PARTS_MAX)
      throw new JobFailure(
        Code.RESOURCE_EXHAUSTED,
        `its answers take more than the ${JOB_PARTS_MAX} parts of a job`,
      );
    const digest = await this.write(() => this.files.uploadBytes(content, signal), uploadable);
    const endedEpochMs = this.ports.intake.clock.epochMs();
    const about = { digest, rows, failedRows, costUsd, inputEnd: BigInt(inputEnd), endedEpochMs };
    const part = create(JobPartSchema, about);
    if (isLast) await this.advance({ fromPart, part, state: JobState.SUCCEEDED, endedEpochMs });
    else await this.advance({ fromPart, part, state: JobState.RUNNING });
  }

  /** Ends the job as failed. */
  async fail(reason: string): Promise<void> {
    const endedEpochMs = this.ports.intake.clock.epochMs();
    const told = reason.slice(0, REASON_CHARS);
    await this.advance({ fromPart: this.parts, state: JobState.FAILED, reason: told, endedEpochMs });
  }

  private async advance(step: {
    readonly fromPart: number;
    readonly part?: JobPart;
    readonly state: JobState;
    readonly reason?: string;
    readonly endedEpochMs?: number;
  }): Promise<void> {
    const { job, term, signal } = this.turn;
    const asked = { name: job.name, term, ...step };
    const options = { timeoutMs: RECORD_CALL_TIMEOUT_MS, signal };
    const told = await this.write(() => this.ports.records.advanceJobRecord(asked, options), writable);
    this.told = told.job ?? this.told;
  }

  /** Does it, and again at growing pauses after a refusal of these codes; a step that was taken is not taken twice. */
  private async write<T>(act: () => Promise<T>, again: ReadonlySet<Code>): Promise<T> {
    const { random: jitter, intake } = this.ports;
    const { signal } = this.turn;
    const backoff = new Backoff({ firstMs: WRITE_PAUSE_FIRST_MS, maxMs: WRITE_PAUSE_MAX_MS, jitter });
    const giveUpMs = intake.clock.nowMs() + PART_WAIT_MAX_MS;
    for (;;) {
      try {
        return await act();
      } catch (error) {
        const { code, message } = ServiceError.from(error);
        if (signal.aborted || !again.has(code)) throw error;
        if (intake.clock.nowMs() >= giveUpMs)
          throw new JobFailure(code, `a part could not be written: ${message}`);
        await sleep(intake.clock, backoff.failed(), signal);
      }
    }
  }
}

/** Characters of a reason that is told. */
const REASON_CHARS = 500;
/** Refusals after which the same is written again: metadata is away, or has no room. */
const writable: ReadonlySet<Code> = new Set([
  Code.UNAVAILABLE,
  Code.DEADLINE_EXCEEDED,
  Code.RESOURCE_EXHAUSTED,
]);
/** Of an upload also that another uploads the same. */
const uploadable: ReadonlySet<Code> = new Set([...writable, Code.ABORTED]);
