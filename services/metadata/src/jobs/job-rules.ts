import { clone, equals } from "@bufbuild/protobuf";
import {
  type AdvanceJobRecordRequest,
  JOB_PARTS_MAX,
  JOB_ROWS_MAX,
  type Job,
  JobPartSchema,
  JobSchema,
  JobState,
  SloSchema,
} from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";
import { checkName } from "../records/names";

/** Longest reason of a job that failed, characters. */
const JOB_REASON_MAX = 1_000;

/** Throws INVALID_ARGUMENT for a job that cannot be recorded as a new one. */
export function checkNewJob(job: Job): void {
  checkName("job", job.name);
  checkName("target", job.target);
  const { rows, chunkRows, state, parts } = job;
  if (rows < 1 || rows > JOB_ROWS_MAX) throw invalid(`job of ${rows} rows is outside 1 to ${JOB_ROWS_MAX}`);
  const chunks = Math.ceil(rows / chunkRows);
  if (chunkRows < 1 || chunks > JOB_PARTS_MAX)
    throw invalid(`${rows} rows in parts of ${chunkRows} are no 1 to ${JOB_PARTS_MAX} parts`);
  if (state !== JobState.RUNNING || parts.length > 0)
    throw invalid(
      `a new job is running and has no parts, this one is ${nameOf(state)} and has ${parts.length}`,
    );
}

/** Whether both ask for the same: who submits a job again under its name asks for no second one. */
export function isSameJob(a: Job, b: Job): boolean {
  const [one, other] = [a.slo, b.slo];
  const sameSlo = one === undefined || other === undefined ? one === other : equals(SloSchema, one, other);
  return sameSlo && a.owner === b.owner && a.target === b.target && a.inputDigest === b.inputDigest;
}

/** Throws INVALID_ARGUMENT for a step that no leader takes. */
export function checkStep({ part, state, reason }: AdvanceJobRecordRequest): void {
  const { RUNNING, SUCCEEDED, FAILED } = JobState;
  if (![RUNNING, SUCCEEDED, FAILED].includes(state))
    throw invalid(`${nameOf(state)} is not for a leader to say, but running, succeeded, failed`);
  if (reason.length > JOB_REASON_MAX)
    throw invalid(`reason of ${reason.length} characters exceeds ${JOB_REASON_MAX}`);
  if (part === undefined || (part.rows >= 1 && part.failedRows >= 0 && part.failedRows <= part.rows)) return;
  throw invalid(`part of ${part.rows} rows, ${part.failedRows} of them without an answer, cannot be`);
}

/** Whether the job is as a step makes it already: its leader has not heard that the step was taken. */
export function isTaken(job: Job, { fromPart, part, state }: AdvanceJobRecordRequest): boolean {
  if (job.state !== state) return false;
  if (part === undefined) return state !== JobState.RUNNING && job.parts.length === fromPart;
  const last = job.parts.at(-1);
  return job.parts.length === fromPart + 1 && last !== undefined && equals(JobPartSchema, last, part);
}

/**
 * Returns the job after a step. FAILED_PRECONDITION when it has ended, or would succeed without every row; ABORTED when it has
 * another number of parts than the leader has seen; INVALID_ARGUMENT for a part that does not follow the last.
 */
export function jobAfter(job: Job, step: AdvanceJobRecordRequest): Job {
  checkRunning(job);
  const { fromPart, part, state, reason, endedEpochMs } = step;
  if (job.parts.length !== fromPart) {
    const both = `job "${job.name}" has ${job.parts.length} parts, not the ${fromPart} that this one would follow`;
    throw new ServiceError(Code.ABORTED, both);
  }
  const next = clone(JobSchema, job);
  if (part !== undefined) next.parts.push(part);
  checkParts(next);
  if (state === JobState.RUNNING) return next;
  const done = doneRows(next);
  if (state === JobState.SUCCEEDED && done !== job.rows) {
    const both = `job "${job.name}" has answered ${done} of ${job.rows} rows`;
    throw new ServiceError(Code.FAILED_PRECONDITION, both);
  }
  return { ...next, state, reason, endedEpochMs };
}

/** Throws FAILED_PRECONDITION for a job that has ended. */
export function checkRunning({ name, state }: Job): void {
  if (state === JobState.RUNNING) return;
  throw new ServiceError(Code.FAILED_PRECONDITION, `job "${name}" has ended: it is ${nameOf(state)}`);
}

function checkParts(job: Job): void {
  const [last, before] = [job.parts.at(-1), job.parts.at(-2)];
  if (job.parts.length > JOB_PARTS_MAX)
    throw invalid(`job "${job.name}" would have ${job.parts.length} parts, ${JOB_PARTS_MAX} are allowed`);
  if (doneRows(job) > job.rows)
    throw invalid(`job "${job.name}" would have answered ${doneRows(job)} of ${job.rows} rows`);
  if (last !== undefined && last.inputEnd <= (before?.inputEnd ?? 0n))
    throw invalid(
      `a part that ends at byte ${last.inputEnd} does not follow one that ends at ${before?.inputEnd ?? 0n}`,
    );
}

function doneRows({ parts }: Job): number {
  return parts.reduce((sum, { rows }) => sum + rows, 0);
}

function invalid(sentence: string): ServiceError {
  return new ServiceError(Code.INVALID_ARGUMENT, sentence);
}

function nameOf(state: JobState): string {
  return (JobState[state] ?? String(state)).toLowerCase();
}
