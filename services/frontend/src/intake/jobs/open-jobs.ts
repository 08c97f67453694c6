import type { ArtifactService, JobRecordService } from "@infaas/api";
import type { ClientOf, Clock, Implementation, Lifecycle, Logger, Random } from "@infaas/runtime";
import type { DemandTable } from "../../view/demand-table";
import type { IntakeOptions } from "../accept-query";
import { JobRunner } from "./job-runner";
import { jobService } from "./job-service";

export interface JobsOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly intake: IntakeOptions;
  readonly demandTable: DemandTable;
  readonly artifacts: ClientOf<typeof ArtifactService>;
  readonly records: ClientOf<typeof JobRecordService>;
  /** Term that this frontend leads in; null: it does not. */
  readonly term: () => bigint | null;
}

/** Offline queries of one frontend. */
export interface Jobs {
  readonly service: Implementation;
  readonly runner: JobRunner;
}

/** Runs jobs while this frontend leads, until the process ends; its service answers at every frontend. */
export function openJobs(o: JobsOptions, lifecycle: Lifecycle): Jobs {
  const { view } = o.intake;
  const runner = new JobRunner({ ...o, view });
  runner.start(lifecycle);
  return { service: jobService({ ...o, view }), runner };
}
