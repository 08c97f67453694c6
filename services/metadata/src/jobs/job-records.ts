import { clone } from "@bufbuild/protobuf";
import { type AdvanceJobRecordRequest, type Job, JobSchema, JobState, type Writer } from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";
import { checkOwner } from "../catalog/catalog-view";
import type { ArtifactLookup } from "../catalog/registry";
import { leads } from "../members/leads";
import type { GuardedWriter } from "../records/guarded-writer";
import { jobKey } from "../records/keys";
import type { RecordView } from "../records/record-view";
import { encodeRecord } from "../records/records";
import type { StoreWrite } from "../store/store";
import { checkNewJob, checkRunning, checkStep, isSameJob, isTaken, jobAfter } from "./job-rules";

/** Jobs of one owner that have not ended. */
export const JOBS_RUNNING_MAX = 16;
/** Jobs of one owner that have ended and are still told of; the oldest are forgotten when it submits another. */
export const JOBS_ENDED_MAX = 32;
/** Jobs of all owners. */
export const JOBS_MAX = 1_024;

/** Who ends a job, and when. */
export interface Cancellation {
  /** Undefined: a member, or a user whom no token names. */
  readonly writer?: Writer | undefined;
  /** Milliseconds since 1970. */
  readonly endedEpochMs: number;
}

/** Jobs: what was submitted, and how far it is answered. Each change is one guarded write (decision 0062). */
export class JobRecords {
  constructor(
    private readonly writer: GuardedWriter,
    private readonly artifacts: ArtifactLookup,
  ) {}

  /**
   * Records a job, which is the writer's; the same one under its name is left as it is. ALREADY_EXISTS when another has the
   * name, INVALID_ARGUMENT for what cannot be, FAILED_PRECONDITION when its input is not there whole for its owner,
   * RESOURCE_EXHAUSTED when there are as many as there may be.
   */
  async put(given: Job, writer?: Writer): Promise<Job> {
    const job = { ...clone(JobSchema, given), owner: writer?.tenant ?? "" };
    checkNewJob(job);
    await this.keep(`input of job "${job.name}"`, job.inputDigest, job.owner);
    const { result } = await this.writer.write((view) => {
      const known = find(view, job.name);
      if (known === undefined) return { writes: [...deletions(view, job.owner), put(job)], result: job };
      if (isSameJob(known, job)) return { writes: [], result: known };
      throw new ServiceError(Code.ALREADY_EXISTS, `another job is called "${job.name}"; take another name`);
    });
    return result;
  }

  /**
   * Does one step of the leader of that term: adds a part, ends the job, or both; one that was done already is not done
   * again. ABORTED when the job has another number of parts, FAILED_PRECONDITION when it has ended, another leads, or the part
   * is not there whole; NOT_FOUND when there is no such job.
   */
  async advance(step: AdvanceJobRecordRequest): Promise<Job> {
    checkStep(step);
    const { result } = await this.writer.write(async (view) => {
      const compares = [leads(view, step.term)];
      const job = required(view, step.name);
      if (isTaken(job, step)) return { writes: [], result: job };
      const next = jobAfter(job, step);
      if (step.part !== undefined) await this.keep(`part of job "${job.name}"`, step.part.digest, job.owner);
      return { writes: [put(next)], compares, result: next };
    });
    return result;
  }

  /** Ends a job; NOT_FOUND, PERMISSION_DENIED for another tenant's, FAILED_PRECONDITION for one that has ended. */
  async cancel(name: string, { writer, endedEpochMs }: Cancellation): Promise<Job> {
    const { result } = await this.writer.write((view) => {
      const job = required(view, name);
      checkOwner(`job "${name}"`, job.owner, writer);
      checkRunning(job);
      const ended = { ...clone(JobSchema, job), state: JobState.CANCELLED, endedEpochMs };
      return { writes: [put(ended)], result: ended };
    });
    return result;
  }

  private async keep(what: string, digest: string, owner: string): Promise<void> {
    const { complete, receivedBytes } = await this.artifacts.keep(digest, owner);
    if (complete) return;
    const sentence = `${what}, ${digest}, is not here whole: ${receivedBytes} bytes of it were received; upload it first`;
    throw new ServiceError(Code.FAILED_PRECONDITION, sentence);
  }
}

function put(job: Job): StoreWrite {
  return { kind: "put", key: jobKey(job.name), value: encodeRecord("job", job), leaseId: null };
}

function find(view: RecordView, name: string): Job | undefined {
  const value = view.at(jobKey(name))?.record.value;
  return value?.case === "job" ? value.value : undefined;
}

function required(view: RecordView, name: string): Job {
  const job = find(view, name);
  if (job === undefined) throw new ServiceError(Code.NOT_FOUND, `there is no job "${name}"`);
  return job;
}

/** Deletions that make room for one more job of an owner: of its oldest that have ended. RESOURCE_EXHAUSTED for want of room. */
function deletions(view: RecordView, owner: string): StoreWrite[] {
  const all = view.of("job");
  const own = all.filter((job) => job.owner === owner);
  const running = own.filter(({ state }) => state === JobState.RUNNING);
  if (running.length >= JOBS_RUNNING_MAX) {
    const both = `${running.length} jobs of '${owner}' have not ended, at most ${JOBS_RUNNING_MAX} may be`;
    throw new ServiceError(Code.RESOURCE_EXHAUSTED, `${both}; wait for one, or cancel it`);
  }
  const ended = own.filter(({ state }) => state !== JobState.RUNNING);
  ended.sort((a, b) => a.endedEpochMs - b.endedEpochMs);
  const old = ended.slice(0, Math.max(0, ended.length - JOBS_ENDED_MAX + 1));
  if (all.length - old.length >= JOBS_MAX) {
    const both = `there are ${all.length} jobs, at most ${JOBS_MAX} may be`;
    throw new ServiceError(Code.RESOURCE_EXHAUSTED, both);
  }
  return old.map(({ name }) => ({ kind: "delete", key: jobKey(name) }));
}
