import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import {
  type ArtifactService,
  JOB_INPUT_BYTES_MAX,
  JOB_PARTS_MAX,
  type Job,
  type JobRecordService,
  JobSchema,
  JobService,
  JobState,
  type SubmitJobRequest,
  type WatchJobResponseSchema,
} from "@infaas/api";
import { actingFor, readerOf, USER_CALL_TIMEOUT_MS, writerOf } from "@infaas/cluster";
import { planDeadline } from "@infaas/policy";
import {
  type Caller,
  type ClientOf,
  type Clock,
  Code,
  type Implementation,
  implementService,
  type Random,
  ServiceError,
  sleep,
} from "@infaas/runtime";
import { lookUpNamed } from "../../query/named-model";
import { readSlo } from "../../query/typed-slo";
import { checkOwner } from "../../view/check-owner";
import type { ClusterView } from "../../view/cluster-view";
import { jobQuota } from "./job-caller";
import { capacityOf, instancesFor, onlineShare, promisedShare } from "./job-capacity";
import { countInput } from "./job-input";
import { jobStatus } from "./job-status";

export interface JobServiceOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly view: ClusterView;
  readonly artifacts: ClientOf<typeof ArtifactService>;
  readonly records: ClientOf<typeof JobRecordService>;
}

/** Inputs that are read at once to be submitted; RESOURCE_EXHAUSTED beyond. */
const SUBMISSIONS_MAX = 4;
/** Parts that a job is cut into, unless its rows or answers are so large that there are more. */
const PARTS_WANTED = JOB_PARTS_MAX / 2;
/** Rows of a part at least, where they are small. */
const PART_ROWS_MIN = 64;
/** How often a watched job is looked at. */
const WATCH_PERIOD_MS = 200;
/** How long a job that was just submitted may be unknown to this frontend. */
const UNSEEN_MAX_MS = 2_000;
/** Random bytes of a job's name. */
const NAME_BYTES = 6;

/** infaas.v1.JobService, from the records that every frontend follows. */
export function jobService(o: JobServiceOptions): Implementation {
  let submitting = 0;
  const told = (job: Job | undefined) =>
    job === undefined ? {} : { status: jobStatus(job, o.clock.epochMs()) };
  return implementService(JobService, {
    submitJob: async (request, { caller, signal }) => {
      if (submitting >= SUBMISSIONS_MAX) {
        const both = `${submitting} inputs are being read, at most ${SUBMISSIONS_MAX} are at once; try again`;
        throw new ServiceError(Code.RESOURCE_EXHAUSTED, both);
      }
      submitting++;
      try {
        const job = await newJob(o, request, { caller, signal });
        const put = await o.records.putJobRecord(
          { job, ...actingFor(caller) },
          { timeoutMs: USER_CALL_TIMEOUT_MS },
        );
        return told(put.job);
      } finally {
        submitting--;
      }
    },
    watchJob: ({ name, fromPart }, { caller, signal }) => watchJob(o, { name, fromPart, caller, signal }),
    listJobs: async (_request, { caller }) => {
      const seen = o.view.jobs.filter((job) => isSeen(job, caller));
      seen.sort((a, b) => b.submittedEpochMs - a.submittedEpochMs);
      return { jobs: seen.map((job) => jobStatus(job, o.clock.epochMs())) };
    },
    cancelJob: async ({ name }, { caller }) => {
      const asked = { name, endedEpochMs: o.clock.epochMs(), ...actingFor(caller) };
      const { job } = await o.records.cancelJobRecord(asked, { timeoutMs: USER_CALL_TIMEOUT_MS });
      return told(job);
    },
  });
}

interface Asking {
  readonly caller: Caller;
  readonly signal: AbortSignal;
}

/** The job that is asked for, checked as far as this frontend can; metadata has the last word. */
async function newJob(
  o: JobServiceOptions,
  request: SubmitJobRequest,
  { caller, signal }: Asking,
): Promise<Job> {
  const { target, slo, inputDigest, deadlineEpochMs } = request;
  checkTerms(o, request);
  const tenant = readerOf(caller);
  const { receivedBytes } = await o.artifacts.statArtifact({ digest: inputDigest, tenant }, { signal });
  if (receivedBytes > BigInt(JOB_INPUT_BYTES_MAX)) {
    const both = `input of ${receivedBytes} bytes exceeds the ${JOB_INPUT_BYTES_MAX} allowed`;
    throw new ServiceError(Code.INVALID_ARGUMENT, both);
  }
  const input = { artifacts: o.artifacts, digest: inputDigest, tenant, offset: 0, signal };
  const rows = await countInput(input);
  const job = create(JobSchema, {
    name: request.name === "" ? `job-${o.random.hex(NAME_BYTES)}` : request.name,
    tenant: caller.tenant,
    quota: jobQuota(caller.quota),
    ...{ target, inputDigest, rows, deadlineEpochMs, state: JobState.RUNNING },
    chunkRows: Math.max(PART_ROWS_MIN, Math.ceil(rows / PARTS_WANTED)),
    submittedEpochMs: o.clock.epochMs(),
    ...(slo === undefined ? {} : { slo }),
  });
  if (deadlineEpochMs !== 0) checkDeadline(o, job);
  return job;
}

function checkTerms(
  { view, clock }: JobServiceOptions,
  { target, slo, deadlineEpochMs }: SubmitJobRequest,
): void {
  const named = lookUpNamed(view, target, "");
  if (named instanceof ServiceError) throw named;
  const read = readSlo(slo, named.stated, null);
  if (read instanceof ServiceError) throw read;
  if (read.slo.latencyMs !== null) {
    const sentence = `a latency objective of ${read.slo.latencyMs} ms is for online queries; a job has a deadline`;
    throw new ServiceError(Code.INVALID_ARGUMENT, sentence);
  }
  if (deadlineEpochMs === 0 || deadlineEpochMs > clock.epochMs()) return;
  const sentence = `the deadline, ${timeText(deadlineEpochMs)}, has passed: it is ${timeText(clock.epochMs())}`;
  throw new ServiceError(Code.INVALID_ARGUMENT, sentence);
}

/** Throws FAILED_PRECONDITION, with the time that could be, for a deadline that cannot be met beside what is promised. */
function checkDeadline({ view, clock }: JobServiceOptions, job: Job): void {
  const nowMs = clock.epochMs();
  const running = view.jobs.filter(({ state }) => state === JobState.RUNNING);
  const capacity = capacityOf(instancesFor(view, job));
  const facts = {
    rows: job.rows,
    rowsPerSecond: capacity.rowsPerSecond,
    onlineShare: onlineShare(capacity, running, nowMs),
    promisedShare: promisedShare(view, running, nowMs),
    nowMs,
  };
  const plan = planDeadline(facts, job.deadlineEpochMs);
  if (plan.kind === "fits") return;
  const could =
    plan.earliestMs === null
      ? "no instance that may answer is ready, so that no time is known; submit it without a deadline"
      : `${job.rows} rows could be answered by ${timeText(plan.earliestMs)}`;
  const sentence = `the deadline ${timeText(job.deadlineEpochMs)} cannot be met: ${could}`;
  throw new ServiceError(Code.FAILED_PRECONDITION, sentence);
}

interface Watching extends Asking {
  readonly name: string;
  readonly fromPart: number;
}

async function* watchJob(
  { view, clock }: JobServiceOptions,
  { name, fromPart, caller, signal }: Watching,
): AsyncGenerator<MessageInitShape<typeof WatchJobResponseSchema>> {
  const unseenMs = clock.nowMs() + UNSEEN_MAX_MS;
  let [job, at]: [Job | undefined, number] = [undefined, Math.max(0, fromPart)];
  while (!signal.aborted) {
    const now = view.jobs.find((one) => one.name === name);
    if (!view.isReady)
      throw new ServiceError(Code.UNAVAILABLE, "metadata has not told this frontend of jobs yet; try again");
    if (now === undefined && (job !== undefined || clock.nowMs() >= unseenMs))
      throw new ServiceError(Code.NOT_FOUND, `there is no job '${name}'`);
    if (now !== undefined && now !== job) {
      checkOwner(`job '${name}'`, now.owner, writerOf(caller));
      const parts = now.parts.slice(at);
      at = Math.max(at, now.parts.length);
      job = now;
      yield { status: jobStatus(now, clock.epochMs()), parts };
      if (now.state !== JobState.RUNNING) return;
    }
    await sleep(clock, WATCH_PERIOD_MS, signal);
  }
}

function isSeen({ owner }: Job, caller: Caller): boolean {
  const writer = writerOf(caller);
  return writer === undefined || writer.shares || owner === "" || owner === writer.tenant;
}

function timeText(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
