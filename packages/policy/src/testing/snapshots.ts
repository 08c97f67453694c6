import { buildCatalog } from "../catalog";
import { buildSnapshot, type Snapshot } from "../snapshot";
import type { BatchLatency, DeviceKind, Executor, Instance, Slo, Variant } from "../types";

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
  readonly deviceKind?: DeviceKind;
}

/** Points up to batch 64 of a variant whose latency is proportional to the batch. */
export function pointsOf(oneRowMs: number): readonly BatchLatency[] {
  return [1, 2, 4, 8, 16, 32, 64].map((batch) => {
    const ms = oneRowMs * batch;
    return { batch, p50Ms: ms, p95Ms: ms, p99Ms: ms };
  });
}

/** A CPU variant of `digits/uci`, one thread, 1 s to load. */
export function variant(o: VariantOptions): Variant {
  const points = o.points ?? pointsOf(1);
  const accuracy = o.accuracy === undefined ? 0.9 : o.accuracy;
  return {
    name: o.name,
    architecture: o.architecture ?? o.name,
    task: o.task ?? "digits/uci",
    version: o.version ?? 1,
    engine: "onnxruntime",
    deviceKind: o.deviceKind ?? "cpu",
    precision: "fp32",
    threads: o.threads ?? 1,
    concurrency: 1,
    maxBatch: o.maxBatch ?? 64,
    accuracy:
      accuracy === null
        ? null
        : { value: accuracy, metric: "accuracy", dataset: "uci", sampleCount: 360, origin: "measured" },
    profile: {
      points,
      fit: { alphaMs: 0, betaMs: points[0]?.p50Ms ?? 0, worstResidualMs: 0 },
      loadMs: o.loadMs ?? 1000,
      peakMemoryBytes: o.peakMemoryBytes ?? 1e6,
      saturationPerSecond: o.saturationPerSecond ?? 500,
      hostType: "local-cpu",
    },
  };
}

/** An idle host of 8 cores and 32 GB. */
export function executor(over: Partial<Executor> = {}): Executor {
  return {
    name: "host",
    hostType: "local-cpu",
    deviceKinds: ["cpu"],
    cores: 8,
    memoryBytes: 32e9,
    memoryFreeBytes: 30e9,
    utilisation: 0,
    pricePerHourUsd: 0.384,
    accepting: true,
    ...over,
  };
}

/** An idle active instance on `host`, half a millisecond away. */
export function instance(over: Partial<Instance> & { readonly variant: string }): Instance {
  return { executor: "host", state: "active", drainMs: 0, hopMs: 0.5, ...over };
}

/** No requirement, cheapest first. */
export function slo(over: Partial<Slo> = {}): Slo {
  return {
    latencyMs: null,
    minAccuracy: null,
    maxCostUsd: null,
    objective: "min-cost",
    noDowngrade: false,
    deterministic: false,
    ...over,
  };
}

/** A snapshot with one host unless others are given. */
export function snapshotOf(parts: {
  readonly variants: readonly Variant[];
  readonly instances?: readonly Instance[];
  readonly executors?: readonly Executor[];
}): Snapshot {
  return buildSnapshot({
    revision: 1,
    atMs: 0,
    catalog: buildCatalog({ variants: parts.variants }),
    instances: parts.instances ?? [],
    executors: parts.executors ?? [executor()],
  });
}
