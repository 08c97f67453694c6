import { create, toJsonString } from "@bufbuild/protobuf";
import { type LoadOverride, LoadOverrideSchema, type Variant } from "../gen/infaas/v1/types_pb";
import { withStatedLimits } from "./axis-limits";

/**
 * Returns a variant as it is while it is loaded: its record, with what an operator overrode. More batches at
 * once are taken to answer so many times the rows and to need so many times the memory, which errs on the
 * side of room: weights are shared. Nothing is measured anew. Where batching was ended, batches are of one row.
 */
export function loadedVariant(recorded: Variant): Variant {
  const withoutOverride = recorded.batchingEnded === "" ? recorded : withoutBatches(recorded);
  const { loadOverride } = recorded;
  if (loadOverride === undefined) return withoutOverride;
  const axisLimits = withStatedLimits(withoutOverride.axisLimits, loadOverride.axisLimits);
  const record = { ...withoutOverride, axisLimits };
  const { profile } = record;
  const maxBatch = Math.min(loadOverride.maxBatch ?? record.maxBatch, record.maxBatch);
  const concurrency = loadOverride.concurrency ?? record.concurrency;
  if (profile === undefined || concurrency === record.concurrency)
    return { ...record, maxBatch, concurrency };
  const factor = concurrency / record.concurrency;
  const saturationPerSecond = profile.saturationPerSecond * factor;
  const peakMemoryBytes = BigInt(Math.round(Number(profile.peakMemoryBytes) * Math.max(1, factor)));
  return { ...record, maxBatch, concurrency, profile: { ...profile, saturationPerSecond, peakMemoryBytes } };
}

/** What it was measured at one row is what it does from now on. */
function withoutBatches(record: Variant): Variant {
  const { profile, concurrency } = record;
  const alone = profile?.points.filter(({ batch }) => batch === 1) ?? [];
  if (profile === undefined || alone.length === 0) return { ...record, maxBatch: 1 };
  const saturationPerSecond = Math.min(profile.saturationPerSecond, (concurrency * 1_000) / alone[0]!.p50Ms);
  return { ...record, maxBatch: 1, profile: { ...profile, points: alone, saturationPerSecond } };
}

/** Parameter of a load that sets the weight of its instances, in the protocol's parameters of a config. */
export const CORE_WEIGHT_PARAMETER = "core_weight";
export const CORE_WEIGHT_MIN = 0.01;
export const CORE_WEIGHT_MAX = 100;

/**
 * Returns what an override says is an instance's share of its host's cores, in times of others' (decision 0043); 1 where it
 * says nothing, null where that is no number from `CORE_WEIGHT_MIN` to `CORE_WEIGHT_MAX`.
 */
export function coreWeightOf(override: Pick<LoadOverride, "parameters"> | undefined): number | null {
  const said = override?.parameters[CORE_WEIGHT_PARAMETER];
  if (said === undefined) return 1;
  const weight = said.trim() === "" ? Number.NaN : Number(said);
  return weight >= CORE_WEIGHT_MIN && weight <= CORE_WEIGHT_MAX ? weight : null;
}

/** Returns the override without what changes while an instance serves; absent where nothing is left. */
export function withoutWeight(override: LoadOverride | undefined): LoadOverride | undefined {
  if (override?.parameters[CORE_WEIGHT_PARAMETER] === undefined) return override;
  const { [CORE_WEIGHT_PARAMETER]: _, ...parameters } = override.parameters;
  const rest = { ...override, parameters };
  return sameOverride(rest, create(LoadOverrideSchema)) ? undefined : rest;
}

/** Whether two instances are loaded in the same way. */
export function sameOverride(a: LoadOverride | undefined, b: LoadOverride | undefined): boolean {
  return overrideKey(a) === overrideKey(b);
}

/** Returns a text that is the same for the same override; empty without one. */
export function overrideKey(override: LoadOverride | undefined): string {
  return override === undefined ? "" : toJsonString(LoadOverrideSchema, override);
}
