import { create } from "@bufbuild/protobuf";
import { AccuracyOrigin, DeviceKind, Precision, type Variant, VariantSchema } from "@infaas/api";

/** What was measured of a variant. */
export interface MeasuredVariant {
  /** Default: the name of the variant. */
  readonly architecture?: string;
  /** Cores that a batch keeps busy; default 1. */
  readonly threads?: number;
  readonly accuracy: number;
  /** Rows of a batch, and its median latency in ms with one thread. */
  readonly latencyMs: readonly (readonly [batch: number, ms: number])[];
  readonly loadMs: number;
  readonly memoryBytes: bigint;
  /** Batches that one instance runs at once; default 1. */
  readonly concurrency?: number;
}

export type ZooName = keyof typeof profiles;

/** Task of every simulated variant. */
export const SIMULATED_TASK = "simulated/task";
/** Hexadecimal digits of a digest. */
const DIGEST_CHARS = 64;
/** A batch whose noise stays within this of the median is the 95th and 99th percentile of a profile. */
const P95 = 1.1;
const P99 = 1.2;
const MS_PER_SECOND = 1_000;

/**
 * Profiles of models of the zoo with one thread: the first quartile of 40 to 150 runs of each size on one core of an AMD EPYC
 * that others used too (2026-11-30), so that their pauses are left out.
 */
const profiles = {
  "digits-vit": {
    accuracy: 0.9837,
    latencyMs: [
      [1, 0.125],
      [2, 0.272],
      [4, 0.514],
      [8, 1.015],
      [16, 1.859],
    ],
    loadMs: 120,
    memoryBytes: 40_000_000n,
  },
  "digits-cnn-s": {
    accuracy: 0.9824,
    latencyMs: [
      [1, 0.012],
      [2, 0.027],
      [4, 0.048],
      [8, 0.081],
      [16, 0.151],
    ],
    loadMs: 60,
    memoryBytes: 20_000_000n,
  },
} as const satisfies Record<string, MeasuredVariant>;

/** Returns the variant of this model of the zoo as the registry would have it. */
export function zooVariant(name: ZooName): Variant {
  return simulatedVariant(name, profiles[name]);
}

/** Returns a variant of which this was measured. */
export function simulatedVariant(name: string, profile: MeasuredVariant): Variant {
  const { accuracy, latencyMs, loadMs, memoryBytes, concurrency = 1 } = profile;
  const { architecture = name, threads = 1 } = profile;
  const last = latencyMs[latencyMs.length - 1] ?? [1, 1];
  const [first] = latencyMs;
  const betaMs = (last[1] - (first?.[1] ?? 0)) / Math.max(1, last[0] - (first?.[0] ?? 0));
  return create(VariantSchema, {
    name: `${name}@1`,
    architecture,
    task: SIMULATED_TASK,
    version: 1,
    engine: "onnxruntime",
    deviceKind: DeviceKind.CPU,
    precision: Precision.FP32,
    threads,
    concurrency,
    maxBatch: last[0],
    modelDigest: digestOf(name),
    accuracy: { value: accuracy, metric: "accuracy", dataset: "zoo", origin: AccuracyOrigin.DECLARED },
    profile: {
      points: latencyMs.map(([batch, ms]) => ({ batch, p50Ms: ms, p95Ms: ms * P95, p99Ms: ms * P99 })),
      alphaMs: Math.max(0, (first?.[1] ?? 0) - betaMs),
      betaMs: betaMs > 0 ? betaMs : (first?.[1] ?? 1),
      loadMs,
      peakMemoryBytes: memoryBytes,
      saturationPerSecond: Math.max(...latencyMs.map(([batch, ms]) => (batch * MS_PER_SECOND) / ms)),
      hostType: "local-cpu",
    },
  });
}

/** A digest of no file: nothing of one is read. */
function digestOf(name: string): string {
  return `sha256:${Buffer.from(name).toString("hex").slice(0, DIGEST_CHARS).padEnd(DIGEST_CHARS, "0")}`;
}
