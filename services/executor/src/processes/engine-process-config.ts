import type { SecurityConfig } from "@infaas/runtime";

/** Options of an engine process; those of its executor, but for the last four. */
export interface EngineProcessConfig extends SecurityConfig {
  readonly name: string;
  readonly listen: string;
  readonly linkListen: string | null;
  readonly linkInFlightMax: number;
  readonly logLevel: "debug" | "info" | "warn" | "error";
  readonly otlpEndpoint: string | null;
  readonly traceSampleRatio: number;
  readonly metricPeriodMs: number;
  /** File of the run journal. */
  readonly journalPath: string;
  /** Path of the host's core gate; null: its cores are not shared out. */
  readonly coreGate: string | null;
  /** Process that started it; it ends with that one. */
  readonly parentPid: number;
  /**
   * Writable private memory it may have beside what it starts with, bytes; an allocation beyond it fails the
   * query that needs it.
   */
  readonly dataBytesMax: number;
}
