import type { Job } from "@infaas/api";
import { bestBatch, neededShare } from "@infaas/policy";
import { ServiceError } from "@infaas/runtime";
import { lookUpNamed } from "../../query/named-model";
import { readSlo } from "../../query/typed-slo";
import type { ClusterView } from "../../view/cluster-view";
import type { LiveInstance } from "../../view/live-instance";
import { doneRows, rowsPerSecond } from "./job-status";

/** Batches of an engine that keep it busy: one that runs, and one that is ready when it ends. */
const BATCHES_AHEAD = 2;

/** What instances give, taken together. */
export interface Capacity {
  /** Rows that keep them busy. */
  readonly windowRows: number;
  /** At saturation throughput. */
  readonly rowsPerSecond: number;
  /** Rows that they answer now. */
  readonly servedPerSecond: number;
}

/** Ready instances that may answer rows of a job, by target and accuracy floor; none where the target is not known. */
export function instancesFor(
  view: ClusterView,
  { target, slo }: Pick<Job, "target" | "slo">,
): LiveInstance[] {
  const named = lookUpNamed(view, target, "");
  if (named instanceof ServiceError) return [];
  const read = readSlo(slo, named.stated, null);
  const floor = read instanceof ServiceError ? null : read.slo.minAccuracy;
  const variants = named.model.variants.filter(
    ({ accuracy }) => floor === null || (accuracy !== null && accuracy.value >= floor),
  );
  const names = new Set(variants.map(({ name }) => name));
  return view.instances.filter(({ variant }) => names.has(variant));
}

/** What these instances give. */
export function capacityOf(instances: Iterable<LiveInstance>): Capacity {
  let [windowRows, perSecond, servedPerSecond] = [0, 0, 0];
  for (const { profiled, servedPerSecond: served } of instances) {
    const { concurrency, maxBatch, profile } = profiled;
    windowRows += concurrency * BATCHES_AHEAD * Math.max(1, Math.min(maxBatch, bestBatch(profile)));
    perSecond += profile.saturationPerSecond;
    servedPerSecond += served;
  }
  return { windowRows, rowsPerSecond: perSecond, servedPerSecond };
}

/** Queries that the executors of these instances hold for whomever, as last told, or sent by this frontend since. */
export function heldQueries(view: ClusterView, instances: Iterable<LiveInstance>): number {
  const sent = new Map<string, number>();
  for (const { executor, inFlight } of view.instances)
    sent.set(executor, (sent.get(executor) ?? 0) + inFlight);
  let held = 0;
  for (const executor of new Set([...instances].map((instance) => instance.executor)))
    held += Math.max(sent.get(executor) ?? 0, view.executors.get(executor)?.inFlight?.queries ?? 0);
  return held;
}

/** Share of what may answer them that deadlines of these jobs need, together. */
export function promisedShare(view: ClusterView, jobs: readonly Job[], nowMs: number): number {
  return jobs.reduce((sum, job) => {
    if (job.deadlineEpochMs === 0) return sum;
    const { rowsPerSecond } = capacityOf(instancesFor(view, job));
    const rows = job.rows - doneRows(job);
    return sum + neededShare({ rows, rowsPerSecond, nowMs }, job.deadlineEpochMs);
  }, 0);
}

/** Share of these instances that online queries take, 0 to 1: what is served, but for what these jobs are answered. */
export function onlineShare(capacity: Capacity, jobs: readonly Job[], nowMs: number): number {
  if (capacity.rowsPerSecond <= 0) return 0;
  const offline = jobs.reduce((sum, job) => sum + rowsPerSecond(job, nowMs), 0);
  return Math.min(1, Math.max(0, capacity.servedPerSecond - offline) / capacity.rowsPerSecond);
}
