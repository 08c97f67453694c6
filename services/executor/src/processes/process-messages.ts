import type { Code } from "@infaas/runtime";
import type { AxisLimit } from "../engines/axis-limits";
import type {
  CoreWaits,
  EngineAnswer,
  EngineOptions,
  EngineQuery,
  EngineTensor,
  RecheckFigures,
} from "../engines/engine-port";
import type { CountedOf } from "./counted-figures";
import type { EngineProcessConfig } from "./engine-process-config";

/**
 * What an executor tells an engine process. Numbers called `call` are answered once; `engine` names an opened
 * engine.
 */
export type ProcessOrder =
  | { readonly kind: "start"; readonly config: EngineProcessConfig }
  | { readonly kind: "open"; readonly engine: number; readonly slot: number; readonly options: EngineOptions }
  | {
      readonly kind: "submit";
      readonly call: number;
      readonly engine: number;
      readonly inputs: readonly Uint8Array[];
      readonly query: Omit<EngineQuery, "signal">;
    }
  | { readonly kind: "drain" | "close"; readonly call: number; readonly engine: number }
  /** From now on queries of `variant` run on this engine; null: on none here. */
  | { readonly kind: "serve"; readonly variant: string; readonly engine: number | null }
  /** Sets an engine's share of the host's cores. */
  | { readonly kind: "weight"; readonly engine: number; readonly weight: number }
  /** Figures of the whole host, which every answer carries. */
  | { readonly kind: "host"; readonly utilisation: number; readonly memoryFreeBytes: number }
  /** Asks every frontend to send no more. */
  | { readonly kind: "announce-draining" }
  | { readonly kind: "stop" };

/** Load and counters of one engine since the process last told them. */
export interface EngineFigures extends CountedOf {
  readonly engine: number;
  readonly queuedRows: number;
  readonly runningRows: number;
  readonly drainMs: number;
  readonly inFlight: number;
  /** Time since the last query; Infinity: there was none. */
  readonly idleMs: number;
  readonly unbatchedReason: string | null;
  readonly rechecks: RecheckFigures;
  readonly coreWaits: CoreWaits;
  /** How long a run that was asked to end has gone on; 0: there is none. */
  readonly unresponsiveMs: number;
}

/** An answer whose memory is the receiver's. */
export type SentAnswer = Omit<EngineAnswer, "release">;

/** Messages from an engine process to its executor. */
export type ProcessReport =
  /** Ports of its gRPC server and of its native links; null: it has none. */
  | { readonly kind: "listening"; readonly port: number; readonly linkPort: number | null }
  | {
      readonly kind: "opened";
      readonly engine: number;
      readonly inputs: readonly EngineTensor[];
      readonly optionalInputs: readonly EngineTensor[];
      readonly outputs: readonly EngineTensor[];
      readonly axisLimits: readonly AxisLimit[];
      readonly batchable: boolean;
      readonly maxBatch: number;
      readonly unbatchedReason: string | null;
    }
  | { readonly kind: "not-opened"; readonly engine: number; readonly code: Code; readonly message: string }
  | { readonly kind: "answered"; readonly call: number; readonly answer: SentAnswer }
  | { readonly kind: "failed"; readonly call: number; readonly code: Code; readonly message: string }
  | { readonly kind: "done"; readonly call: number }
  | { readonly kind: "figures"; readonly cpuUs: number; readonly engines: readonly EngineFigures[] };
