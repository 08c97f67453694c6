import type { ExecutorFigures, InstanceFigures } from "@infaas/api";
import type { Clock } from "@infaas/runtime";
import type { Engine, RecheckFigures } from "../engines/engine-port";
import type { Executor } from "../instances/executor";
import type { VariantFigures } from "../instances/live-figures";

const MS_PER_SECOND = 1_000;

/** Where the figures of an executor stand. */
export interface FigureSources {
  readonly executor: Pick<Executor, "name" | "memoryFreeBytes" | "held">;
  readonly figures: { entries(): Iterable<readonly [string, VariantFigures]> };
  readonly batching: { entries(): Iterable<readonly [string, RecheckFigures]> };
  readonly utilisation: { value(): number };
  /** Cores that batches run on now; absent: they are not shared out. */
  readonly coresInUse?: (() => number) | undefined;
  /** Name and resident memory of every process of the executor, its own included. */
  readonly processes: () => readonly { readonly name: string; readonly residentBytes: number }[];
  readonly clock: Pick<Clock, "nowMs">;
}

/** What an executor tells of its host. */
export interface ToldExecutor extends ExecutorFigures {
  /** Cores that batches run on now; null: they are not shared out. */
  readonly coresInUse: number | null;
}

/** What an executor tells of one of its instances. */
export interface ToldInstance extends InstanceFigures {
  /** Rows that wait for a batch; null while it is not ready. */
  readonly queuedRows: number | null;
  /** Queries that shared a batch and were run again alone; null: none ever was. */
  readonly rechecked: number | null;
  /** Those that were answered otherwise then. */
  readonly recheckDiffered: number | null;
  /** Batches that waited for cores of the host; null: they are not shared out, or it is not ready. */
  readonly coreWaits: number | null;
  /** How long they waited, together. */
  readonly coreWaitedSeconds: number | null;
}

/** What an executor tells of itself. */
export interface ToldFigures {
  readonly executor: ToldExecutor;
  readonly processes: readonly { readonly name: string; readonly residentBytes: number }[];
  /** By variant, in no order. */
  readonly instances: readonly ToldInstance[];
}

/** Returns all that an executor exports, as it is now. A frontend reads the same from OpenTelemetry's export. */
export function readFigures(s: FigureSources): ToldFigures {
  const { executor, utilisation } = s;
  const held = executor.held();
  const processes = s.processes();
  return {
    executor: {
      executor: executor.name,
      utilisation: utilisation.value(),
      coresInUse: s.coresInUse?.() ?? null,
      memoryFreeBytes: executor.memoryFreeBytes,
      memoryResidentBytes: processes.reduce((sum, { residentBytes }) => sum + residentBytes, 0),
      inFlight: held.reduce((sum, { inFlight }) => sum + inFlight, 0),
    },
    processes,
    instances: toldInstances(s, held),
  };
}

function toldInstances(s: FigureSources, held: ReturnType<Executor["held"]>): readonly ToldInstance[] {
  const nowMs = s.clock.nowMs();
  const counted = new Map(s.figures.entries());
  const rechecks = new Map(s.batching.entries());
  const engines = new Map<string, Engine>();
  for (const { spec, readyEngine } of held) if (readyEngine !== null) engines.set(spec.name, readyEngine);
  return [...new Set([...counted.keys(), ...rechecks.keys(), ...engines.keys()])].map((variant) => {
    const figures = counted.get(variant);
    const recent = figures?.recent.summary(nowMs);
    const engine = engines.get(variant);
    const recheck = rechecks.get(variant);
    const waits = s.coresInUse === undefined ? undefined : engine?.coreWaits;
    return {
      variant,
      executor: s.executor.name,
      servedTotal: figures?.servedRows ?? null,
      refusedTotal: figures?.refused ?? null,
      latencyP95Ms: recent?.p95Ms ?? null,
      batchSize: recent?.batchRows ?? null,
      drainMs: engine?.drainTimeMs() ?? null,
      queuedRows: engine?.queuedRows ?? null,
      rechecked: recheck?.checked ?? null,
      recheckDiffered: recheck?.differed ?? null,
      coreWaits: waits?.count ?? null,
      coreWaitedSeconds: waits === undefined ? null : waits.waitedMs / MS_PER_SECOND,
    };
  });
}
