import { type Snapshot } from "../src";
import type { BatchLatency, Executor, Instance, Slo, Variant } from "../src/types";
/** What a test says of a variant; the rest is filled in. */
export interface VariantOptions {
  readonly name: string;
  readonly architecture?: string;
  readonly task?: string;
  readonly version?: number;
  readonly accuracy?: number | null;
  readonly points?: readonly BatchLatency[];
  readonly saturationPerSecond?: number;
  readonly loadMs?: number;
  readonly peakMemoryBytes?: number;
  readonly maxBatch?: number;
  readonly threads?: number;
  readonly deviceKind?: "cpu" | "cuda";
}
/** Points up to batch 64 of a variant whose latency is proportional to the batch. */
export declare function pointsOf(oneRowMs: number): readonly BatchLatency[];
/** A CPU variant of `digits/uci`, one thread, 1 s to load. */
export declare function variant(o: VariantOptions): Variant;
/** An idle host of 8 cores and 32 GB. */
export declare function executor(over?: Partial<Executor>): Executor;
/** An idle active instance on `host`, half a millisecond away. */
export declare function instance(
  over: Partial<Instance> & {
    readonly variant: string;
  },
): Instance;
/** No requirement, cheapest first. */
export declare function slo(over?: Partial<Slo>): Slo;
/** A snapshot with one host unless others are given. */
export declare function snapshotOf(parts: {
  readonly variants: readonly Variant[];
  readonly instances?: readonly Instance[];
  readonly executors?: readonly Executor[];
}): Snapshot;
//# sourceMappingURL=fixtures.d.ts.map
