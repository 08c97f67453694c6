import {
  AccuracyOrigin,
  type Architecture,
  type AxisLimit,
  DERIVED_NAME_MAX_LENGTH,
  DeviceKind,
  nameFault,
  Precision,
  type Profile,
  type Task,
  type Variant,
} from "@infaas/api";

/** Room for rounding when accuracies are compared. */
const ACCURACY_EPSILON = 1e-9;

/**
 * Everything that is wrong with a variant of an architecture, each with both values; empty when it may be
 * recorded.
 */
export function variantFaults(variant: Variant, owner: { architecture: Architecture; task: Task }): string[] {
  const faults = [
    nameFault("variant", variant.name, DERIVED_NAME_MAX_LENGTH),
    ...ownershipFaults(variant, owner.architecture),
    ...shapeFaults(variant, owner.architecture),
    ...accuracyFaults(variant, owner.task),
    ...profileFaults(variant.profile),
    ...goldenFaults(variant, owner.architecture),
    ...overrideFaults(variant),
    ...variant.axisLimits.map(limitFault),
  ];
  return faults.filter((fault) => fault !== null).map((fault) => `variant "${variant.name}": ${fault}`);
}

/**
 * What is wrong with the variants taken together: names twice, or a derived precision that loses too much.
 */
export function familyFaults(variants: readonly Variant[], { accuracyTolerance }: Architecture): string[] {
  const faults: string[] = [];
  const names = new Set<string>();
  for (const { name } of variants) {
    if (names.has(name)) faults.push(`variant "${name}" is given twice`);
    names.add(name);
  }
  const full = variants.filter(({ precision }) => precision === Precision.FP32);
  const reference = Math.max(...full.map(({ accuracy }) => accuracy?.value ?? 0), 0);
  for (const { name, accuracy, precision } of variants) {
    if (precision === Precision.FP32 || accuracy === undefined) continue;
    const loss = reference - accuracy.value;
    if (loss > accuracyTolerance + ACCURACY_EPSILON) {
      faults.push(`variant "${name}" loses ${loss.toFixed(4)} accuracy, ${accuracyTolerance} is allowed`);
    }
  }
  return faults;
}

function ownershipFaults(variant: Variant, architecture: Architecture): (string | null)[] {
  return [
    differs("architecture", variant.architecture, architecture.name),
    differs("task", variant.task, architecture.task),
    differs("version", variant.version, architecture.version),
  ];
}

function shapeFaults(variant: Variant, architecture: Architecture): (string | null)[] {
  const alone = !architecture.batchable && variant.maxBatch > 1;
  return [
    variant.engine === "" ? "engine is not given" : null,
    variant.deviceKind === DeviceKind.UNSPECIFIED ? "device kind is not given" : null,
    variant.precision === Precision.UNSPECIFIED ? "precision is not given" : null,
    below("threads", variant.threads, 1),
    below("concurrency", variant.concurrency, 1),
    below("max batch", variant.maxBatch, 1),
    alone
      ? `max batch ${variant.maxBatch} must be 1: architecture "${architecture.name}" is not batchable`
      : null,
  ];
}

function accuracyFaults({ accuracy }: Variant, task: Task): (string | null)[] {
  if (accuracy === undefined) return [];
  const measured = accuracy.origin === AccuracyOrigin.MEASURED;
  return [
    inUnit("accuracy", accuracy.value),
    differs("accuracy metric", accuracy.metric, task.metric),
    accuracy.origin === AccuracyOrigin.UNSPECIFIED ? "accuracy origin is not given" : null,
    measured ? below("samples of a measured accuracy", accuracy.sampleCount, 1) : null,
    measured ? differs("accuracy dataset", accuracy.dataset, task.validation?.dataset ?? "") : null,
  ];
}

function profileFaults(profile: Profile | undefined): (string | null)[] {
  if (profile === undefined) return ["profile is not given"];
  const { alphaMs, betaMs } = profile;
  const atOne = alphaMs + betaMs;
  return [
    ...latencyFaults(profile),
    atOne > 0 && Number.isFinite(atOne)
      ? null
      : `fit ${alphaMs} ms + ${betaMs} ms per row is not above 0 at batch 1`,
    profile.worstResidualMs >= 0 ? null : `worst residual ${profile.worstResidualMs} ms is below 0`,
    positive("load latency in ms", profile.loadMs),
    positive("peak memory in bytes", Number(profile.peakMemoryBytes)),
    positive("saturation throughput per second", profile.saturationPerSecond),
    profile.hostType === "" ? "host type of the profile is not given" : null,
  ];
}

function latencyFaults({ points }: Profile): (string | null)[] {
  const faults: (string | null)[] = [];
  if (points[0]?.batch !== 1) faults.push(`profile begins at batch ${points[0]?.batch ?? "none"}, not 1`);
  for (const [index, { batch, p50Ms, p95Ms, p99Ms }] of points.entries()) {
    const at = `batch ${batch}`;
    faults.push(positive(`p50 at ${at} in ms`, p50Ms));
    if (!(p50Ms <= p95Ms && p95Ms <= p99Ms && Number.isFinite(p99Ms))) {
      faults.push(`at ${at} p50 ${p50Ms}, p95 ${p95Ms} and p99 ${p99Ms} ms do not rise`);
    }
    const before = points[index - 1];
    if (before === undefined) continue;
    if (batch <= before.batch)
      faults.push(`profile goes from batch ${before.batch} to ${batch}, not upwards`);
  }
  return faults;
}

function goldenFaults(variant: Variant, architecture: Architecture): (string | null)[] {
  const { goldenInputs, goldenInputShapes, goldenOutputs, goldenTolerance } = variant;
  const inputs = architecture.inputs.filter(({ optional }) => !optional).length;
  const tolerable = goldenTolerance >= 0 && Number.isFinite(goldenTolerance);
  // Nothing is golden of what was never answered, and of queries too large for a record.
  const isNone = goldenInputs.length === 0 && goldenOutputs.length === 0;
  if (isNone && (variant.unprofiledReason !== "" || goldenTolerance === 0))
    return [tolerable ? null : `golden tolerance ${goldenTolerance} is not a number from 0 up`];
  // What draws its answers has none that is golden.
  const outputs = goldenTolerance === 0 && goldenOutputs.length === 0 ? 0 : architecture.outputs.length;
  const empty = goldenInputs.findIndex(
    (bytes, i) => bytes.length === 0 && goldenInputShapes[i]?.dims.includes(0n) !== true,
  );
  return [
    differs("number of golden inputs", goldenInputs.length, inputs),
    differs("number of golden outputs", goldenOutputs.length, outputs),
    goldenInputShapes.length === 0
      ? null
      : differs("number of golden input shapes", goldenInputShapes.length, inputs),
    empty < 0 ? null : `golden input ${empty} is empty`,
    tolerable ? null : `golden tolerance ${goldenTolerance} is not a number from 0 up`,
  ];
}

/** What nothing can be loaded with. */
function overrideFaults({ loadOverride }: Variant): (string | null)[] {
  if (loadOverride === undefined) return [];
  const { maxBatch = 1, concurrency = 1, queueDelayMaxMs, queueTimeoutMs, preferredBatches } = loadOverride;
  return [
    below("max batch to load with", maxBatch, 1),
    below("concurrency to load with", concurrency, 1),
    ...preferredBatches.map((size) => below("preferred batch to load with", size, 1)),
    queueDelayMaxMs === undefined ? null : positive("queue delay to load with in ms", queueDelayMaxMs),
    queueTimeoutMs === undefined ? null : positive("queue timeout to load with in ms", queueTimeoutMs),
  ];
}

function limitFault({ name, places, measured, max }: AxisLimit): string | null {
  if (places.length === 0) return `axis "${name}" stands nowhere`;
  return measured >= 1n && max > measured
    ? null
    : `axis "${name}" is limited to ${max}, must be above ${measured}, which is measured with, and that above 0`;
}

function differs(what: string, found: string | number, wanted: string | number): string | null {
  return found === wanted ? null : `${what} is ${JSON.stringify(found)}, must be ${JSON.stringify(wanted)}`;
}

function below(what: string, found: number, least: number): string | null {
  return found >= least ? null : `${what} ${found} is below ${least}`;
}

function positive(what: string, found: number): string | null {
  return found > 0 && Number.isFinite(found) ? null : `${what} is ${found}, must be above 0`;
}

/** Why a share is outside 0..1, or null. */
export function inUnit(what: string, found: number): string | null {
  return found >= 0 && found <= 1 ? null : `${what} ${found} is outside 0 to 1`;
}
