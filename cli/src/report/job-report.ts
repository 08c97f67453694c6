import { JobState, type JobStatus } from "@infaas/api";
import type { Screen } from "../terminal/screen";
import { type Column, tableLines } from "../terminal/table";
import { usd } from "./format";

/** Returns the state of a job in lower case. */
export function jobState({ state }: Pick<JobStatus, "state">): string {
  return (JobState[state] ?? String(state)).toLowerCase();
}

/** Returns why a job failed, its rate, when a running one is expected to end, rows without an answer and dollars. */
export function jobProgress(status: JobStatus): string {
  const { reason, failedRows, rowsPerSecond, expectedEndEpochMs, costUsd } = status;
  return [
    ...(reason === "" ? [] : [reason]),
    ...(rowsPerSecond === 0 ? [] : [`${rowsPerSecond.toFixed(rowsPerSecond < 10 ? 1 : 0)} rows/s`]),
    ...(expectedEndEpochMs === 0 ? [] : [`ends ${timeText(expectedEndEpochMs)}`]),
    ...(failedRows === 0 ? [] : [`${failedRows} without an answer`]),
    usd(costUsd),
  ].join(", ");
}

/** Returns how a job stands, in one line. */
export function jobSentence(status: JobStatus): string {
  const { name, doneRows, rows } = status;
  return `${name}: ${doneRows} of ${rows} rows, ${jobState(status)}, ${jobProgress(status)}`;
}

const columns: readonly Column[] = [
  { head: "job" },
  { head: "target", rank: 2 },
  { head: "state" },
  { head: "rows", figures: true },
  { head: "progress", prose: true, rank: 1 },
];

/** Returns a table of jobs, as they come. */
export function jobsLines(jobs: readonly JobStatus[], screen: Screen): readonly string[] {
  if (jobs.length === 0) return ["there are no jobs"];
  const rows = jobs.map((status) => {
    const { name, target, doneRows, rows } = status;
    return [name, target, jobState(status), `${doneRows}/${rows}`, jobProgress(status)];
  });
  return tableLines(columns, rows, screen);
}

function timeText(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/\.\d+Z$/, "Z");
}
