import type { Adapter } from "@infaas/api";
import type { ServiceError } from "@infaas/runtime";
import type { DirectService, Engine, EngineAnswer, EngineQuery } from "../engines/engine-port";

/** What links need of an instance. */
export interface ServedInstance {
  /** The engine while queries may be submitted, else null. */
  readonly readyEngine: Engine | null;
  /** What makes its tensors of pictures or texts; absent: it takes tensors alone. */
  readonly adapter?: Adapter | undefined;
  /** Runs one query; rejects with UNAVAILABLE unless ready, else with what the engine says. */
  submit(inputs: readonly Uint8Array[], query: EngineQuery): Promise<EngineAnswer>;
  /** The refusal for a query that came too early or too late. */
  unavailable(): ServiceError;
}

/** The instances of a process, by the name of their variant. */
export interface ServedInstances {
  /** Name of the executor, for refusals. */
  readonly name: string;
  instance(variant: string): ServedInstance | undefined;
}

/** Where links count what they did, by variant. */
export interface QueryFigures {
  answered(variant: string, rows: number, answer: EngineAnswer): void;
  refused(variant: string): void;
  /** Includes the queries of `direct`, which do not pass through JavaScript. */
  attach(variant: string, direct: DirectService): void;
  /** Adds what was counted outside of JavaScript, where memory for it is bounded. */
  collect(): void;
}
