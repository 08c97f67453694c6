import { InstancePhase, type InstanceReport, type InstanceStatus } from "@infaas/api";
import type { Variant } from "@infaas/policy";
import { LiveInstance } from "./live-instance";

/** What instances are made of beside the report of their executor. */
export interface InstanceSources {
  /** A variant of the catalog; undefined: it is not known. */
  readonly variant: (name: string) => Variant | undefined;
  /** Whether the executor's host rations CPU time; see `LiveInstance`. */
  readonly isRationed: (executor: string) => boolean;
}

interface OfExecutor {
  /** Ready ones by variant. */
  readonly ready: Map<string, LiveInstance>;
  readonly statuses: ReadonlyMap<string, InstanceStatus>;
}

/** The instances that executors report. A report costs what its own executor has, whatever else there is. */
export class LiveInstances {
  private readonly byExecutor = new Map<string, OfExecutor>();

  constructor(private readonly sources: InstanceSources) {}

  /** Takes over what an executor says of all its instances; returns whether a ready one came, went or is another now. */
  take({ executor, instances }: InstanceReport): boolean {
    const before = this.byExecutor.get(executor)?.ready;
    const ready = new Map<string, LiveInstance>();
    let same = true;
    for (const status of instances) {
      const variant = this.sources.variant(status.variant);
      if (status.phase !== InstancePhase.READY || variant === undefined) continue;
      const known = before?.get(status.variant);
      const live = this.reuse(known, variant, executor, status);
      same &&= live === known;
      ready.set(status.variant, live);
    }
    const statuses = new Map(instances.map((status) => [status.variant, status]));
    this.byExecutor.set(executor, { ready, statuses });
    return !same || ready.size !== (before?.size ?? 0);
  }

  /** Forgets an executor that reports no more; returns whether a ready instance went. */
  forget(executor: string): boolean {
    const before = this.byExecutor.get(executor);
    this.byExecutor.delete(executor);
    return before !== undefined && before.ready.size > 0;
  }

  /** Takes over the reports of all executors there are. */
  replace(reports: Iterable<InstanceReport>): void {
    const gone = new Set(this.byExecutor.keys());
    for (const report of reports) {
      this.take(report);
      gone.delete(report.executor);
    }
    for (const executor of gone) this.byExecutor.delete(executor);
  }

  /** The ready instances of all executors. */
  *all(): Generator<LiveInstance> {
    for (const { ready } of this.byExecutor.values()) yield* ready.values();
  }

  /** The ready instances of one executor. */
  on(executor: string): Iterable<LiveInstance> {
    return this.byExecutor.get(executor)?.ready.values() ?? [];
  }

  /** The ready instance of this variant there. */
  get(variant: string, executor: string): LiveInstance | undefined {
    return this.byExecutor.get(executor)?.ready.get(variant);
  }

  /** What the executor last said of its instance of this variant. */
  status(variant: string, executor: string): InstanceStatus | undefined {
    return this.byExecutor.get(executor)?.statuses.get(variant);
  }

  /** What was said of every instance, ready or not, with its executor. */
  *statuses(): Generator<readonly [executor: string, status: InstanceStatus]> {
    for (const [executor, { statuses }] of this.byExecutor)
      for (const status of statuses.values()) yield [executor, status];
  }

  private reuse(
    known: LiveInstance | undefined,
    variant: Variant,
    executor: string,
    status: InstanceStatus,
  ): LiveInstance {
    const endpoint = endpointName(executor, status.process);
    if (known !== undefined && known.profiled === variant && known.endpoint === endpoint) return known;
    const isRationed = this.sources.isRationed(executor);
    return new LiveInstance(variant, executor, endpoint, Number(status.memoryBytes), isRationed);
  }
}

/** Name of the endpoint that runs an instance: an engine process of the executor, or the executor itself. */
export function endpointName(executor: string, process: string): string {
  return process === "" ? executor : `${executor} ${process}`;
}
