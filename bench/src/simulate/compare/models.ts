import type { Variant } from "@infaas/api";
import type { HostSpec } from "../cluster/simulated-executor";
import { type MeasuredVariant, simulatedVariant } from "../cluster/zoo-variants";

/** A type of host, and what ResNet-50 takes there (docs/design/policy.md, section 8). */
interface HostType {
  readonly host: HostSpec;
  /** `alphaMs + betaMs * rows` of a batch, and the largest. */
  readonly alphaMs: number;
  readonly betaMs: number;
  readonly maxBatch: number;
  readonly threads: number;
  readonly loadMs: number;
  /** Objective that leaves a batch or two their time. */
  readonly latencyMs: number;
  /** Queries per second of one model that keep some hosts busy. */
  readonly perSecond: number;
}

const GB = 1_000_000_000;
const BYTES_PER_MS = 100_000;
const cpuHost: HostSpec = {
  ...{ hostType: "local-cpu", fetchBytesPerMs: BYTES_PER_MS },
  ...{ cores: 8, memoryBytes: 32 * GB, pricePerHourUsd: 0.384 },
};
const inferentia = {
  ...{ alphaMs: 0, betaMs: 22, maxBatch: 1, threads: 1, loadMs: 3_555, latencyMs: 150, perSecond: 300 },
  host: { ...cpuHost, cores: 4, memoryBytes: 16 * GB, pricePerHourUsd: 0.584 },
} as const;

/** Types of hosts by name. Cores of the accelerators are their devices, so that the code of CPUs shares them out. */
export const hostTypes = {
  /** m5.2xlarge, TensorFlow on 4 of 8 vCPUs. */
  cpu: {
    ...{
      alphaMs: 57.8,
      betaMs: 186.4,
      maxBatch: 4,
      threads: 4,
      loadMs: 1_589,
      latencyMs: 1_000,
      perSecond: 40,
    },
    host: cpuHost,
  },
  /** inf1.2xlarge with four cores, at its price at launch (2019) and later. */
  inferentia,
  "inferentia-later": { ...inferentia, host: { ...inferentia.host, pricePerHourUsd: 0.362 } },
  /** p3.2xlarge with one V100, TensorRT. */
  gpu: {
    ...{ alphaMs: 2.7, betaMs: 1.19, maxBatch: 8, threads: 1, loadMs: 1_146, latencyMs: 50, perSecond: 675 },
    host: { ...cpuHost, cores: 1, memoryBytes: 16 * GB, pricePerHourUsd: 3.06 },
  },
} as const satisfies Record<string, HostType>;

export type HostTypeName = keyof typeof hostTypes;

/** Top-1 of ResNet-50, and what its smaller variant has less of it: our assumption, as is half the time. */
export const FULL_ACCURACY = 0.712;
const SMALL_LOSS = 0.007;
const SMALL_TIME = 0.5;
const FULL_BYTES = 300_000_000;
/** Further architectures take so many times as long, one after another: a quarter to four times of ResNet-50. */
const SCALES = [1, 0.5, 2, 0.7, 1.4, 0.35, 2.8, 0.25, 4] as const;

/** Returns the name of the nth architecture, from 1. */
export function architectureNamed(number: number): string {
  return `architecture-${number}`;
}

/** Returns two variants of each of so many architectures: `full`, and `small`, which is quicker and a little less accurate. */
export function modelsOf(count: number, type: HostTypeName): readonly Variant[] {
  return Array.from({ length: count }, (_, index) => {
    const architecture = architectureNamed(index + 1);
    const scale = SCALES[index % SCALES.length] ?? 1;
    return [
      variantOf(`${architecture}-full`, { architecture, type, scale, accuracy: FULL_ACCURACY }),
      variantOf(`${architecture}-small`, {
        ...{ architecture, type, scale: scale * SMALL_TIME, accuracy: FULL_ACCURACY - SMALL_LOSS },
      }),
    ];
  }).flat();
}

interface Made {
  readonly architecture: string;
  readonly type: HostTypeName;
  /** Time of a batch in times of ResNet-50. */
  readonly scale: number;
  readonly accuracy: number;
}

function variantOf(name: string, { architecture, type, scale, accuracy }: Made): Variant {
  const { alphaMs, betaMs, maxBatch, threads, loadMs, host }: HostType = hostTypes[type];
  const concurrency = host.cores / threads;
  const batches = Array.from({ length: Math.log2(maxBatch) + 1 }, (_, power) => 2 ** power);
  const measured: MeasuredVariant = {
    ...{ architecture, threads, concurrency, accuracy, loadMs },
    latencyMs: batches.map((batch) => [batch, scale * (alphaMs + betaMs * batch)] as const),
    memoryBytes: BigInt(Math.round(FULL_BYTES * Math.sqrt(scale))),
  };
  const variant = simulatedVariant(name, measured);
  // Measured with all its engines busy, as profiles are.
  if (variant.profile !== undefined) variant.profile.saturationPerSecond *= concurrency;
  return variant;
}
