import { type Clock, every, type Logger, ServiceError, type Timer } from "@infaas/runtime";
import { type Engine, NO_RECHECKS, type RecheckFigures } from "../engines/engine-port";
import type { Executor } from "./executor";
import type { Instance } from "./instance";

/** How often engines are looked at. */
const LOOK_PERIOD_MS = 250;
/** Pause after a record that was not taken. */
const RETRY_MS = 2_000;

const NO_LONGER = "rows share batches no longer";
const PLEASE_REPORT = `${NO_LONGER}, although the graph says that they keep apart: please report this model as a bug`;

/** A variant whose rows were found to change each other's answers. */
export interface BatchingEnd {
  readonly variant: string;
  readonly modelDigest: string;
  readonly reason: string;
}

export interface BatchingWatchOptions {
  readonly executor: Pick<Executor, "held">;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Records in metadata that batching of a variant has ended; may be called again for what was recorded already. */
  readonly record: (end: BatchingEnd) => Promise<unknown>;
}

/**
 * Follows what engines find when they run queries of a batch again alone (decision 0035). An engine that found rows to change
 * each other's answers has ended batching itself; the rest of the cluster, and the next load, learn of it here.
 */
export class BatchingWatch {
  /** By variant, over all its engines so far. */
  private readonly totals = new Map<string, RecheckFigures>();
  private readonly seen = new WeakMap<Engine, RecheckFigures>();
  private readonly ended = new WeakSet<Engine>();
  /** Ends that are to be recorded, by variant: at most one for each that was ever loaded here. */
  private readonly due = new Map<string, BatchingEnd>();
  private readonly timer: Timer;
  private recording: Promise<void> | null = null;
  private notBeforeMs = 0;

  constructor(private readonly o: BatchingWatchOptions) {
    this.timer = every(
      o.clock,
      LOOK_PERIOD_MS,
      () => this.look(),
      () => undefined,
    );
  }

  /** Queries run again, by variant; variants that are no longer loaded are left out after `look`. */
  entries(): Iterable<readonly [string, RecheckFigures]> {
    return this.totals;
  }

  stop(): void {
    this.timer.cancel();
  }

  private look(): void {
    const held = this.o.executor.held();
    const names = new Set(held.map(({ spec }) => spec.name));
    for (const variant of this.totals.keys()) if (!names.has(variant)) this.totals.delete(variant);
    for (const instance of held) this.lookAt(instance);
    this.recordNext();
  }

  private lookAt({ spec, readyEngine: engine }: Instance): void {
    if (engine === null || spec.recheck === undefined) return;
    this.count(spec.name, engine);
    const { unbatchedReason: reason } = engine;
    if (reason === null || this.ended.has(engine)) return;
    this.ended.add(engine);
    const variant = spec.name;
    this.o.logger.warn(spec.recheck.proven ? PLEASE_REPORT : NO_LONGER, { variant, reason });
    this.due.set(variant, { variant, modelDigest: spec.modelDigest, reason });
  }

  private count(variant: string, engine: Engine): void {
    const now = engine.rechecks ?? NO_RECHECKS;
    const before = this.seen.get(engine) ?? NO_RECHECKS;
    this.seen.set(engine, now);
    const total = this.totals.get(variant) ?? NO_RECHECKS;
    this.totals.set(variant, {
      checked: total.checked + now.checked - before.checked,
      differed: total.differed + now.differed - before.differed,
    });
  }

  private recordNext(): void {
    const { clock, logger } = this.o;
    const [end] = this.due.values();
    if (end === undefined || this.recording !== null || clock.nowMs() < this.notBeforeMs) return;
    this.recording = this.o
      .record(end)
      .then(
        () => {
          if (this.due.get(end.variant) === end) this.due.delete(end.variant);
        },
        (fault) => {
          const { message } = ServiceError.from(fault);
          logger.warn("end of batching not recorded", { variant: end.variant, reason: message });
          this.notBeforeMs = clock.nowMs() + RETRY_MS;
        },
      )
      .finally(() => {
        this.recording = null;
      });
  }
}
