import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import {
  Precision,
  type ProfileModelRequest,
  type ProfileModelResponse,
  ProfileModelResponseSchema,
  type RegistrationProgress,
  RegistrationProgressSchema,
  type RegistrationResult,
  RegistrationResultSchema,
  type RejectedVariant,
  RejectedVariantSchema,
  type Variant,
} from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";
import { type FittedFile, fitModel } from "./inspection/fit-model";
import { inspectModel, loadModel } from "./inspection/inspect-model";
import { measureAxisLimits } from "./measurement/axis-limits";
import { deviceVariants } from "./measurement/device-variants";
import { type FileAnswers, lossFault, measureAnswers } from "./measurement/golden-answer";
import { compareLoneRows, largestBatchOf, measureBatchCosts } from "./measurement/largest-batch";
import type { ProfilePorts } from "./measurement/profile-ports";
import { profiledModel, profileVariants } from "./measurement/profile-variants";
import type { ModelVersionFile, ProfiledArchitecture, UnprofiledModel } from "./measurement/profiled-model";
import { PROFILE_BATCH_MAX } from "./measurement/profiler";
import { unprofiledVariant } from "./measurement/unprofiled-variant";
import { corePlans, familyName, ON_CPU, precisionName } from "./measurement/variant-generator";
import { modelBytes } from "./onnx/inline-weights";
import { deriveInt8, planInt8Of } from "./quantization/derive-int8";
import { inOneFile } from "./quantization/one-file";

/** Least factor by which a derived file must be faster or smaller. */
const GAIN_MIN = 1.05;

/** Steps yield progress and end in a value. */
type Steps<T> = AsyncGenerator<RegistrationProgress, T, void>;

/**
 * Inspects one model, generates its variants and measures each on this host. Yields progress; the last event
 * is the result. Derived files are uploaded before the result names them; nothing else is written.
 * @throws ServiceError INVALID_ARGUMENT when the file or the validation set cannot be used.
 */
export async function* profileModel(
  request: ProfileModelRequest,
  ports: ProfilePorts,
): AsyncGenerator<ProfileModelResponse, void, void> {
  const steps = new Registration(ports).run(request);
  for (;;) {
    const step = await steps.next();
    if (step.done) {
      yield create(ProfileModelResponseSchema, { event: { case: "result", value: step.value } });
      return;
    }
    yield create(ProfileModelResponseSchema, { event: { case: "progress", value: step.value } });
  }
}

/** Accuracy and profile of one file's variants. */
interface MeasuredFile {
  readonly file: ModelVersionFile;
  readonly answers: FileAnswers;
  /** Decided on the registered file, for all files of the architecture. */
  readonly largestBatch: number;
  readonly variants: Variant[];
}

type DerivedFile =
  | { readonly kept: true; readonly variants: Variant[]; readonly unbatchableReason: string }
  | { readonly kept: false; readonly reason: string };

/** One run of `profileModel`: the order of its steps and how many are done. */
class Registration {
  private done = 0;
  private total: number;

  constructor(private readonly ports: ProfilePorts) {
    // Load, inspect, calibrate, generate; then those of two precisions.
    this.total = 4 + 2 * this.stepsOfPrecision() + this.stepsOfDevice();
  }

  async *run(request: ProfileModelRequest): Steps<RegistrationResult> {
    yield this.step("load", "", "opens the model and runs one row");
    const registered = await this.ports.fetchModel(request.architecture?.modelDigest ?? "");
    const fitted = await fitModel(request, registered, this.ports);
    try {
      return yield* this.fitted(request, fitted);
    } finally {
      await fitted.remove();
    }
  }

  private async *fitted(request: ProfileModelRequest, fitted: FittedFile): Steps<RegistrationResult> {
    const { path } = fitted;
    const loaded = await loadModel(request, path, this.ports);
    if ("unprofiledReason" in loaded) return yield* this.unprofiled(request, loaded, fitted);
    // Without a validation set there is no int8.
    if (loaded.validation === null)
      this.total = this.done + 1 + this.stepsOfPrecision() + this.stepsOfDevice();
    yield this.step("inspect", "", "proves from the graph whether rows may share a batch, and checks it");
    const profiled = await inspectModel(loaded, request, this.ports);
    const { architecture, warnings } = profiled;
    const axisLimits = await measureAxisLimits(profiled, path, request.axisLimits, this.ports);
    const { unbatchableReason } = architecture;
    const original = {
      path,
      precision: Precision.FP32,
      fileBytes: await modelBytes(path, profiled.architecture.externalData),
      unbatchableReason,
    };
    const full = yield* this.measure(profiled, original);
    const device = yield* this.onDevice(profiled, full);
    const digest = await fitted.store();
    if (digest !== null)
      for (const variant of [...full.variants, ...device.variants]) variant.modelDigest = digest;
    const int8 = yield* this.int8(profiled, full);
    const variants = [...full.variants, ...(int8.kept ? int8.variants : []), ...device.variants];
    for (const variant of variants) {
      variant.axisLimits = axisLimits;
      if (architecture.adapter !== undefined) variant.adapter = architecture.adapter;
    }
    const rejected = int8.kept ? batchRejections(profiled, int8) : [rejection(profiled, "", int8.reason)];
    return create(RegistrationResultSchema, {
      architecture,
      variants,
      rejected: [...rejected, ...device.rejected],
      warnings: [...warnings],
    });
  }

  private async *unprofiled(
    request: ProfileModelRequest,
    model: UnprofiledModel,
    fitted: FittedFile,
  ): Steps<RegistrationResult> {
    this.total = this.done + 1;
    yield this.step(
      "profile",
      "",
      "measures how long it takes to open; its first answered queries will be its profile",
    );
    const [limited] = Object.keys(request.axisLimits);
    if (limited !== undefined) {
      const message = `axis '${limited}' is given a limit, but ${model.unprofiledReason}`;
      throw new ServiceError(Code.INVALID_ARGUMENT, message);
    }
    const variant = await unprofiledVariant(model, this.ports);
    variant.modelDigest = (await fitted.store()) ?? variant.modelDigest;
    const { architecture } = model;
    if (architecture.adapter !== undefined) variant.adapter = architecture.adapter;
    return create(RegistrationResultSchema, { architecture, variants: [variant], rejected: [] });
  }

  private async *measure(profiled: ProfiledArchitecture, file: ModelVersionFile): Steps<MeasuredFile> {
    const answers = yield* this.answers(profiled, file);
    const rowsMax = file.unbatchableReason === "" ? PROFILE_BATCH_MAX : 1;
    const costs = await measureBatchCosts(profiledModel(profiled, file, this.ports), rowsMax);
    const measured = { file, answers, largestBatch: largestBatchOf(costs) };
    return { ...measured, variants: yield* this.profiles(profiled, measured) };
  }

  private async *answers(profiled: ProfiledArchitecture, file: ModelVersionFile): Steps<FileAnswers> {
    const count = profiled.validation?.rows.count;
    const runs =
      count === undefined
        ? "not measured: there are no labelled examples"
        : `runs ${count} labelled examples`;
    yield this.step("accuracy", precisionName(file.precision), runs);
    return await measureAnswers(profiled, file, this.ports);
  }

  private async *profiles(
    profiled: ProfiledArchitecture,
    { file, answers, largestBatch }: Omit<MeasuredFile, "variants">,
  ): Steps<Variant[]> {
    const variants: Variant[] = [];
    for (const cores of corePlans(this.ports.host.cores)) {
      const name = `${precisionName(file.precision)}-t${cores.threads}`;
      yield this.step("profile", name, `measures ${cores.concurrency} x ${cores.threads} threads`);
      variants.push(
        ...(await profileVariants(
          { profiled, file, answers, cores, largestBatch, runsOn: ON_CPU },
          this.ports,
        )),
      );
    }
    return variants;
  }

  /** Variants of the registered file on the host's device. */
  private async *onDevice(
    profiled: ProfiledArchitecture,
    full: MeasuredFile,
  ): Steps<{ readonly variants: Variant[]; readonly rejected: RejectedVariant[] }> {
    const { device } = this.ports;
    if (device === undefined) return { variants: [], rejected: [] };
    yield this.step("profile", "device", `measures it with the ${device.engineVersion}`);
    const measured = await deviceVariants(profiled, full, device, this.ports);
    if ("variants" in measured) return { variants: measured.variants, rejected: [] };
    return { variants: [], rejected: [create(RejectedVariantSchema, measured)] };
  }

  private async *int8(original: ProfiledArchitecture, full: MeasuredFile): Steps<DerivedFile> {
    const profiled = await inOneFile(original, full.file.path);
    if ("reason" in profiled) return { kept: false, reason: profiled.reason };
    const plan = planInt8Of(profiled);
    if (!plan.possible) return { kept: false, reason: plan.reason };
    yield this.step("calibrate", "int8", `learns the ranges of ${plan.nodes.length} quantised operators`);
    const folder = await mkdtemp(join(this.ports.scratchDir, "profile-"));
    try {
      const file = await deriveInt8(profiled, plan, this.ports, folder);
      return yield* this.judgeInt8(profiled, full, file);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  private async *judgeInt8(
    profiled: ProfiledArchitecture,
    full: MeasuredFile,
    file: ModelVersionFile,
  ): Steps<DerivedFile> {
    const answers = yield* this.answers(profiled, file);
    const tooLossy = lossFault(full.answers, answers, profiled.architecture.accuracyTolerance);
    if (tooLossy) return { kept: false, reason: tooLossy };
    const noGain = await this.gainFault(profiled, full.file, file);
    if (noGain) return { kept: false, reason: noGain };
    const largestBatch = file.unbatchableReason === "" ? full.largestBatch : 1;
    const variants = yield* this.profiles(profiled, { file, answers, largestBatch });
    yield this.step("generate", "int8", "uploads the int8 file");
    const digest = await this.ports.storeArtifact(file.path);
    for (const variant of variants) variant.modelDigest = digest;
    return { kept: true, variants, unbatchableReason: file.unbatchableReason };
  }

  /** A derived file that is not much smaller must be faster. */
  private async gainFault(
    profiled: ProfiledArchitecture,
    full: ModelVersionFile,
    derived: ModelVersionFile,
  ): Promise<string | null> {
    if (full.fileBytes / derived.fileBytes >= GAIN_MIN) return null;
    const [before, after] = [full, derived].map((file) => profiledModel(profiled, file, this.ports));
    const gain = await compareLoneRows(before!, after!);
    if (gain >= GAIN_MIN) return null;
    const sizes = `${derived.fileBytes} bytes against ${full.fileBytes}`;
    return `neither smaller (${sizes}) nor faster (a row takes ${(1 / gain).toFixed(2)} times the time)`;
  }

  /** Its accuracy, and one profile for each way to use the cores. */
  private stepsOfPrecision(): number {
    return 1 + corePlans(this.ports.host.cores).length;
  }

  private stepsOfDevice(): number {
    return this.ports.device === undefined ? 0 : 1;
  }

  private step(stage: string, variant: string, message: string): RegistrationProgress {
    const done = this.done;
    this.done += 1;
    return create(RegistrationProgressSchema, { stage, variant, done, total: this.total, message });
  }
}

/** The rejection of batches in int8, where full precision has them and int8 does not. */
function batchRejections(
  profiled: ProfiledArchitecture,
  { unbatchableReason }: { readonly unbatchableReason: string },
): RejectedVariant[] {
  if (!profiled.architecture.batchable || unbatchableReason === "") return [];
  return [rejection(profiled, " with batches", unbatchableReason)];
}

function rejection({ architecture }: ProfiledArchitecture, what: string, reason: string): RejectedVariant {
  const { name, version } = architecture;
  const family = familyName({ runsOn: ON_CPU, architecture: name, version, precision: Precision.INT8 });
  return create(RejectedVariantSchema, { name: `${family}${what}`, reason });
}
