import { create } from "@bufbuild/protobuf";
import { BatchingCertificate, Precision, ProfileSchema, type Variant, VariantSchema } from "@infaas/api";
import { processUsage } from "@infaas/runtime";
import { answerTolerance } from "../../engines/answer-tolerance";
import { modelBytes } from "../onnx/inline-weights";
import { ModelRunner } from "../onnx/model-runner";
import { randomRows } from "../onnx/random-rows";
import { accuracyOf } from "./accuracy";
import type { ProfilePorts } from "./profile-ports";
import type { UnprofiledModel } from "./profiled-model";
import { OPENED_FILE_FACTOR } from "./profiler";
import { ON_CPU, variantName } from "./variant-generator";

/** Latency of one query of which nothing was measured, as it is stated until its first queries are answered. */
const UNPROFILED_LATENCY_MS = 100;
const MS_PER_SECOND = 1_000;

/**
 * The one variant of a model that nothing can be measured of: a query has all cores, and latency and throughput are a
 * stated default. How long it takes to open and the memory it takes then are measured.
 */
export async function unprofiledVariant(
  { architecture, task, path, drawsAnswers, unprofiledReason }: UnprofiledModel,
  ports: ProfilePorts,
): Promise<Variant> {
  const { threads, concurrency, maxBatch } = { threads: ports.host.cores, concurrency: 1, maxBatch: 1 };
  const accuracy = accuracyOf({ measured: null, declared: architecture.declaredAccuracy, task });
  const { name, version, modelDigest, externalData } = architecture;
  const file = { runsOn: ON_CPU, architecture: name, version, precision: Precision.FP32, threads, maxBatch };
  const latencyMs = UNPROFILED_LATENCY_MS;
  return create(VariantSchema, {
    name: variantName(file),
    architecture: name,
    task: task.name,
    version,
    ...ON_CPU,
    precision: Precision.FP32,
    threads,
    concurrency,
    maxBatch,
    unbatched: true,
    batchingCertificate: BatchingCertificate.ALONE,
    modelDigest,
    externalData,
    ...(accuracy ? { accuracy } : {}),
    profile: create(ProfileSchema, {
      points: [{ batch: maxBatch, p50Ms: latencyMs, p95Ms: latencyMs, p99Ms: latencyMs }],
      alphaMs: latencyMs,
      saturationPerSecond: MS_PER_SECOND / latencyMs,
      ...(await measureOpening(path, await modelBytes(path, externalData), ports)),
      hostType: ports.host.hostType,
      hostCores: ports.host.cores,
      engineVersion: ports.engineVersion,
    }),
    goldenTolerance: drawsAnswers ? 0 : answerTolerance(Precision.FP32),
    unprofiledReason,
  });
}

async function measureOpening(path: string, fileBytes: number, { engines, clock, host }: ProfilePorts) {
  const residentBytes = processUsage.residentBytes();
  const startMs = clock.nowMs();
  const options = { path, threads: host.cores, concurrency: 1, maxBatch: 1 };
  const runner = await ModelRunner.open(engines, randomRows([]), options);
  const loadMs = clock.nowMs() - startMs;
  const grownBytes = processUsage.residentBytes() - residentBytes;
  await runner.close();
  return { loadMs, peakMemoryBytes: BigInt(Math.max(grownBytes, OPENED_FILE_FACTOR * fileBytes)) };
}
