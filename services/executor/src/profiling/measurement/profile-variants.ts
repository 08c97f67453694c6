import { create } from "@bufbuild/protobuf";
import { BatchingCertificate, type Profile, ProfileSchema, type Variant, VariantSchema } from "@infaas/api";
import { fitProfile, type LatencyProfile } from "@infaas/policy";
import { accuracyOf } from "./accuracy";
import type { FileAnswers } from "./golden-answer";
import type { ProfilePorts } from "./profile-ports";
import type { ModelVersionFile, ProfiledArchitecture } from "./profiled-model";
import { type MeasuredInstance, measureInstances, measureLatency, type ProfiledModel } from "./profiler";
import { type CorePlan, maxBatches, type RunsOn, variantName } from "./variant-generator";

/** Returns the measured variants of one file for one core plan: single rows, and batches up to the largest. */
export async function profileVariants(
  o: {
    readonly profiled: ProfiledArchitecture;
    readonly file: ModelVersionFile;
    readonly answers: FileAnswers;
    readonly cores: CorePlan;
    /** Rows of the largest batch; 1 where rows share none. */
    readonly largestBatch: number;
    readonly runsOn: RunsOn;
  },
  ports: ProfilePorts,
): Promise<Variant[]> {
  const { profiled, file, cores, largestBatch } = o;
  const model = profiledModel(profiled, file, ports);
  const measured = await measureLatency(model, cores.threads, largestBatch);
  const batches = maxBatches(largestBatch);
  const figures = await measureInstances(model, cores, batches);
  return batches.map((maxBatch, index) => {
    const fitted = fitProfile(measured.filter(({ batch }) => batch <= maxBatch));
    return createVariant({ ...o, maxBatch, profile: profileOf(fitted, figures[index]!, ports) });
  });
}

/** A file as it is measured. */
export function profiledModel(
  { rows }: ProfiledArchitecture,
  { path, fileBytes }: ModelVersionFile,
  { engines, clock, host }: ProfilePorts,
): ProfiledModel {
  return { path, fileBytes, rows, engines, clock, cpuCores: host.cpuCores };
}

function profileOf({ points, fit }: LatencyProfile, figures: MeasuredInstance, ports: ProfilePorts): Profile {
  return create(ProfileSchema, {
    points: [...points],
    ...fit,
    loadMs: figures.loadMs,
    peakMemoryBytes: BigInt(Math.ceil(figures.peakMemoryBytes)),
    saturationPerSecond: figures.saturationPerSecond,
    hostType: ports.host.hostType,
    hostCores: ports.host.cores,
    engineVersion: ports.engineVersion,
    measuredAtMs: BigInt(Math.round(ports.clock.epochMs())),
  });
}

function createVariant(o: {
  readonly profiled: ProfiledArchitecture;
  readonly file: ModelVersionFile;
  readonly answers: FileAnswers;
  readonly cores: CorePlan;
  readonly maxBatch: number;
  readonly runsOn: RunsOn;
  readonly profile: Profile;
}): Variant {
  const { architecture, task } = o.profiled;
  const { precision } = o.file;
  const accuracy = accuracyOf({
    measured: o.answers.accuracy,
    declared: architecture.declaredAccuracy,
    task,
  });
  return create(VariantSchema, {
    name: variantName({
      runsOn: o.runsOn,
      architecture: architecture.name,
      version: architecture.version,
      precision,
      threads: o.cores.threads,
      maxBatch: o.maxBatch,
    }),
    architecture: architecture.name,
    task: task.name,
    version: architecture.version,
    ...o.runsOn,
    precision,
    ...o.cores,
    maxBatch: o.maxBatch,
    unbatched: o.file.unbatchableReason !== "",
    batchingCertificate:
      o.file.unbatchableReason === "" ? architecture.batchingCertificate : BatchingCertificate.ALONE,
    modelDigest: architecture.modelDigest,
    externalData: architecture.externalData,
    ...(architecture.padding === undefined ? {} : { padding: architecture.padding }),
    ...(accuracy ? { accuracy } : {}),
    profile: o.profile,
    goldenInputs: o.answers.goldenInputs,
    goldenInputShapes: o.answers.goldenInputDims.map((dims) => ({ dims: dims.map(BigInt) })),
    goldenOutputs: o.answers.goldenOutputs,
    goldenTolerance: o.answers.goldenTolerance,
  });
}
