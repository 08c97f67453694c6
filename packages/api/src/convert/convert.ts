import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type * as policy from "@infaas/policy";
import {
  type Accuracy,
  AccuracyOrigin,
  BatchingCertificate,
  DeviceKind,
  type Explanation,
  ExplanationSchema,
  Objective,
  Precision,
  type Profile,
  type Slo,
  SloSchema,
  type Variant,
  type VariantSchema,
  Verdict,
} from "../gen/infaas/v1/types_pb";
import { loadedVariant } from "./load-override";

/** A domain value, or one sentence naming the field of the message that is not valid. */
export type Converted<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly fault: string };

/** Thrown by nested conversions and caught in this file; carries the sentence. */
class Fault extends Error {}

function checked<T>(convert: () => T): Converted<T> {
  try {
    return { ok: true, value: convert() };
  } catch (e) {
    if (e instanceof Fault) return { ok: false, fault: e.message };
    throw e;
  }
}

function need<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Fault(`${what} is missing`);
  return value;
}

function positive(value: number, what: string): number {
  if (!Number.isFinite(value) || value <= 0) throw new Fault(`${what} is ${value}, allowed is more than 0`);
  return value;
}

function notNegative(value: number, what: string): number {
  if (!Number.isFinite(value) || value < 0) throw new Fault(`${what} is ${value}, allowed is 0 or more`);
  return value;
}

function bytes(value: bigint, what: string): number {
  const count = Number(value);
  if (!Number.isSafeInteger(count) || count < 0) throw new Fault(`${what} is ${value}, allowed is 0 to 2^53`);
  return count;
}

const deviceKinds: readonly (readonly [DeviceKind, policy.DeviceKind])[] = [
  [DeviceKind.CPU, "cpu"],
  [DeviceKind.CUDA, "cuda"],
  [DeviceKind.HOST, "host"],
];

/** Returns the device kind; null for unspecified or unknown. */
export function deviceKindFromWire(kind: DeviceKind): policy.DeviceKind | null {
  return deviceKinds.find(([wire]) => wire === kind)?.[1] ?? null;
}

/** Returns the device kind as its protobuf value. */
export function deviceKindToWire(kind: policy.DeviceKind): DeviceKind {
  return deviceKinds.find(([, name]) => name === kind)?.[0] ?? DeviceKind.UNSPECIFIED;
}

/** Returns the precision; null for unspecified or unknown. */
export function precisionFromWire(precision: Precision): policy.Precision | null {
  switch (precision) {
    case Precision.FP32:
      return "fp32";
    case Precision.FP16:
      return "fp16";
    case Precision.INT8:
      return "int8";
    default:
      return null;
  }
}

/** Returns the precision as its protobuf value. */
export function precisionToWire(precision: policy.Precision): Precision {
  return { fp32: Precision.FP32, fp16: Precision.FP16, int8: Precision.INT8 }[precision];
}

/**
 * Returns the variant described by a record, load override applied; a fault names the field that is not
 * valid.
 */
export function variantFromWire(record: Variant): Converted<policy.Variant> {
  const v = loadedVariant(record);
  return checked(() => {
    if (v.name === "") throw new Fault("variant has no name");
    const what = `variant ${v.name}`;
    return {
      name: v.name,
      architecture: v.architecture,
      task: v.task,
      version: v.version,
      engine: v.engine,
      deviceKind: need(deviceKindFromWire(v.deviceKind) ?? undefined, `${what}: device_kind`),
      precision: need(precisionFromWire(v.precision) ?? undefined, `${what}: precision`),
      threads: positive(v.threads, `${what}: threads`),
      concurrency: positive(v.concurrency, `${what}: concurrency`),
      maxBatch: positive(v.maxBatch, `${what}: max_batch`),
      batching: batchingFromWire(v),
      accuracy: v.accuracy === undefined ? null : accuracyFromWire(v.accuracy, what),
      profile: profileFromWire(need(v.profile, `${what}: profile`), what),
      ...(v.unprofiledReason === "" ? {} : { unprofiledReason: v.unprofiledReason }),
    };
  });
}

/**
 * Returns on what ground rows of a variant share batches. One that was recorded before there were certificates was probed, or is
 * computed request by request.
 */
export function batchingFromWire({ batchingCertificate, unbatched }: Variant): policy.BatchingGround {
  if (unbatched) return "alone";
  return GROUNDS[batchingCertificate] ?? "probed";
}

/** Returns the certificate of batching as its protobuf value. */
export function batchingToWire(ground: policy.BatchingGround | undefined): BatchingCertificate {
  return ground === undefined ? BatchingCertificate.UNSPECIFIED : CERTIFICATES[ground];
}

const CERTIFICATES: Readonly<Record<policy.BatchingGround, BatchingCertificate>> = {
  proven: BatchingCertificate.PROVEN,
  probed: BatchingCertificate.PROBED,
  owner: BatchingCertificate.OWNER,
  alone: BatchingCertificate.ALONE,
};

const GROUNDS: Readonly<Record<number, policy.BatchingGround>> = {
  [BatchingCertificate.PROVEN]: "proven",
  [BatchingCertificate.PROBED]: "probed",
  [BatchingCertificate.OWNER]: "owner",
  [BatchingCertificate.ALONE]: "alone",
};

function accuracyFromWire(a: Accuracy, what: string): policy.Accuracy {
  const { value, metric, dataset, sampleCount } = a;
  if (!Number.isFinite(value)) throw new Fault(`${what}: accuracy is ${value}, allowed is a number`);
  const origin = a.origin === AccuracyOrigin.DECLARED ? "declared" : "measured";
  if (a.origin === AccuracyOrigin.UNSPECIFIED) throw new Fault(`${what}: accuracy has no origin`);
  return { value, metric, dataset, sampleCount, origin };
}

function profileFromWire(p: Profile, what: string): policy.Profile {
  const points = p.points.map(({ batch, p50Ms, p95Ms, p99Ms }) => ({
    batch: positive(batch, `${what}: batch of a profile point`),
    p50Ms: positive(p50Ms, `${what}: p50_ms of batch ${batch}`),
    p95Ms: positive(p95Ms, `${what}: p95_ms of batch ${batch}`),
    p99Ms: positive(p99Ms, `${what}: p99_ms of batch ${batch}`),
  }));
  if (points.length === 0) throw new Fault(`${what}: profile has no points`);
  points.sort((a, b) => a.batch - b.batch);
  return {
    points,
    fit: { alphaMs: p.alphaMs, betaMs: p.betaMs, worstResidualMs: p.worstResidualMs },
    loadMs: notNegative(p.loadMs, `${what}: load_ms`),
    peakMemoryBytes: bytes(p.peakMemoryBytes, `${what}: peak_memory_bytes`),
    saturationPerSecond: positive(p.saturationPerSecond, `${what}: saturation_per_second`),
    hostType: p.hostType,
  };
}

/**
 * Returns the variant as a record; files, golden data and where the profile was made are not part of the
 * domain's.
 */
export function variantToWire(v: policy.Variant): MessageInitShape<typeof VariantSchema> {
  const { accuracy, profile } = v;
  const { fit } = profile;
  return {
    name: v.name,
    architecture: v.architecture,
    task: v.task,
    version: v.version,
    engine: v.engine,
    deviceKind: deviceKindToWire(v.deviceKind),
    precision: precisionToWire(v.precision),
    threads: v.threads,
    concurrency: v.concurrency,
    maxBatch: v.maxBatch,
    unbatched: v.batching === "alone",
    batchingCertificate: batchingToWire(v.batching),
    unprofiledReason: v.unprofiledReason ?? "",
    ...(accuracy === null ? {} : { accuracy: { ...accuracy, origin: originToWire(accuracy.origin) } }),
    profile: {
      points: profile.points.map((point) => ({ ...point })),
      alphaMs: fit.alphaMs,
      betaMs: fit.betaMs,
      worstResidualMs: fit.worstResidualMs,
      loadMs: profile.loadMs,
      peakMemoryBytes: BigInt(Math.round(profile.peakMemoryBytes)),
      saturationPerSecond: profile.saturationPerSecond,
      hostType: profile.hostType,
    },
  };
}

/** Returns the origin of an accuracy as its protobuf value. */
export function originToWire(origin: policy.Accuracy["origin"]): AccuracyOrigin {
  return origin === "measured" ? AccuracyOrigin.MEASURED : AccuracyOrigin.DECLARED;
}

/**
 * Returns the requirements of a query; an absent message is no requirement. A fault names the field out of
 * range.
 */
export function sloFromWire(s: Slo | undefined): Converted<policy.Slo> {
  return checked(() => ({
    latencyMs: s?.latencyMs === undefined ? null : positive(s.latencyMs, "latency_ms"),
    minAccuracy: s?.minAccuracy === undefined ? null : notNegative(s.minAccuracy, "min_accuracy"),
    maxCostUsd: s?.maxCostUsd === undefined ? null : positive(s.maxCostUsd, "max_cost_usd"),
    objective: objectiveFromWire(s?.objective ?? Objective.UNSPECIFIED),
    noDowngrade: s?.noDowngrade ?? false,
    deterministic: s?.deterministic ?? false,
  }));
}

function objectiveFromWire(objective: Objective): policy.Objective {
  if (objective === Objective.UNSPECIFIED || objective === Objective.MIN_COST) return "min-cost";
  if (objective === Objective.MAX_ACCURACY) return "max-accuracy";
  if (objective === Objective.MIN_LATENCY) return "min-latency";
  throw new Fault(`objective is ${objective}, allowed are 0 to ${Objective.MIN_LATENCY}`);
}

const objectives: Readonly<Record<policy.Objective, Objective>> = {
  "min-cost": Objective.MIN_COST,
  "max-accuracy": Objective.MAX_ACCURACY,
  "min-latency": Objective.MIN_LATENCY,
};

/** Returns the requirements as a protobuf message. */
export function sloToWire(s: policy.Slo): Slo {
  return create(SloSchema, {
    ...(s.latencyMs === null ? {} : { latencyMs: s.latencyMs }),
    ...(s.minAccuracy === null ? {} : { minAccuracy: s.minAccuracy }),
    ...(s.maxCostUsd === null ? {} : { maxCostUsd: s.maxCostUsd }),
    objective: objectives[s.objective],
    noDowngrade: s.noDowngrade,
    deterministic: s.deterministic,
  });
}

const verdicts: Readonly<Record<policy.Verdict, Verdict>> = {
  selected: Verdict.SELECTED,
  "accuracy-below-floor": Verdict.ACCURACY_BELOW_FLOOR,
  "latency-above-slo": Verdict.LATENCY_ABOVE_SLO,
  "cost-above-max": Verdict.COST_ABOVE_MAX,
  "batch-too-large": Verdict.BATCH_TOO_LARGE,
  overloaded: Verdict.OVERLOADED,
  interfered: Verdict.INTERFERED,
  "not-loaded": Verdict.NOT_LOADED,
  dearer: Verdict.DEARER,
  "less-accurate": Verdict.LESS_ACCURATE,
  "no-room": Verdict.NO_ROOM,
  "no-executor": Verdict.NO_EXECUTOR,
  outranked: Verdict.OUTRANKED,
};

/** Returns the explanation as a protobuf message. */
export function explanationToWire(e: policy.Explanation): Explanation {
  return create(ExplanationSchema, {
    summary: e.summary,
    candidates: e.candidates.map((c) => ({ ...c, verdict: verdicts[c.verdict] })),
    omitted: e.omitted,
    ...(e.marginMs === null ? {} : { marginMs: e.marginMs }),
  });
}
