import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Job, JobState, type JobStatusSchema } from "@infaas/api";

/** Latest parts that a rate is taken over. */
const RATE_PARTS = 8;

/** How a job stands at a moment (milliseconds since 1970), as its record tells it. */
export function jobStatus(job: Job, nowMs: number): MessageInitShape<typeof JobStatusSchema> {
  const { name, owner, target, slo, state, reason, rows, parts } = job;
  const { submittedEpochMs, deadlineEpochMs, endedEpochMs } = job;
  const done = doneRows(job);
  const perSecond = rowsPerSecond(job, nowMs);
  const isExpected = state === JobState.RUNNING && perSecond > 0;
  return {
    ...{ name, owner, target, state, reason, rows, submittedEpochMs, deadlineEpochMs, endedEpochMs },
    ...(slo === undefined ? {} : { slo }),
    doneRows: done,
    failedRows: parts.reduce((sum, { failedRows }) => sum + failedRows, 0),
    rowsPerSecond: perSecond,
    expectedEndEpochMs: isExpected ? nowMs + ((rows - done) / perSecond) * 1000 : 0,
    costUsd: parts.reduce((sum, { costUsd }) => sum + costUsd, 0),
  };
}

/** Rows of a job that have their line. */
export function doneRows({ parts }: Pick<Job, "parts">): number {
  return parts.reduce((sum, { rows }) => sum + rows, 0);
}

/**
 * Rows per second over the latest parts, until now or the job's end, so that the rate of a job that stands still falls; 0 before the
 * first part.
 */
export function rowsPerSecond(job: Job, nowMs: number): number {
  const { parts, submittedEpochMs, endedEpochMs } = job;
  const latest = parts.slice(-RATE_PARTS);
  const before = parts.at(-RATE_PARTS - 1);
  const sinceMs = before?.endedEpochMs ?? submittedEpochMs;
  const untilMs = endedEpochMs > 0 ? endedEpochMs : nowMs;
  return untilMs > sinceMs ? (doneRows({ parts: latest }) / (untilMs - sinceMs)) * 1000 : 0;
}
