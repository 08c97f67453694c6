import type { Variant } from "@infaas/api";
import { planKernels } from "@infaas/onnx";
import { largestDifference } from "../../engines/tensor-difference";
import { type FileAnswers, lossFault, measureAnswers } from "./golden-answer";
import type { ProfiledDevice, ProfilePorts } from "./profile-ports";
import { profileVariants } from "./profile-variants";
import type { ModelVersionFile, ProfiledArchitecture } from "./profiled-model";
import { PROFILE_BATCH_MAX } from "./profiler";
import { familyName, onDevice } from "./variant-generator";

/** A device takes one batch at a time, from one engine thread. */
const DEVICE_CORES = { threads: 1, concurrency: 1 } as const;

/**
 * The variants of a file on a device, measured there, or under their name the reason why there are none: the kernel module does
 * not run it, or answers otherwise than on the CPU.
 */
export async function deviceVariants(
  profiled: ProfiledArchitecture,
  { file, answers: onCpu }: { readonly file: ModelVersionFile; readonly answers: FileAnswers },
  { kind, engines, engineVersion }: ProfiledDevice,
  hostPorts: ProfilePorts,
): Promise<{ readonly variants: Variant[] } | { readonly name: string; readonly reason: string }> {
  const { architecture, model, signature } = profiled;
  const { name: named, version } = architecture;
  const { precision, unbatchableReason } = file;
  const runsOn = onDevice(kind);
  const name = familyName({ runsOn, architecture: named, version, precision });
  const planning = planKernels(model);
  if (!planning.possible) return { name, reason: `the kernel module does not run it: ${planning.reason}` };
  const ports = { ...hostPorts, engines, engineVersion };
  const answers = await measureAnswers(profiled, file, ports);
  const datatypes = signature.outputs.map(({ datatype }) => datatype);
  const fault =
    differenceFault(datatypes, onCpu, answers) ?? lossFault(onCpu, answers, architecture.accuracyTolerance);
  if (fault !== null) return { name, reason: fault };
  const largestBatch = unbatchableReason === "" ? PROFILE_BATCH_MAX : 1;
  const cores = DEVICE_CORES;
  return {
    variants: await profileVariants({ profiled, file, answers, cores, largestBatch, runsOn }, ports),
  };
}

/** Why the golden row is answered otherwise on a device; null where it is not. */
function differenceFault(
  datatypes: readonly string[],
  onCpu: FileAnswers,
  there: FileAnswers,
): string | null {
  for (const [index, datatype] of datatypes.entries()) {
    const [wanted, got] = [onCpu.goldenOutputs[index], there.goldenOutputs[index]];
    if (wanted === undefined || got === undefined) continue;
    const difference = largestDifference(datatype, wanted, got) ?? Number.POSITIVE_INFINITY;
    if (difference > onCpu.goldenTolerance)
      return `its answer is ${difference} from that of the CPU, ${onCpu.goldenTolerance} is allowed`;
  }
  return null;
}
