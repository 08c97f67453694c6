import {
  type Adapter,
  batchingFromWire,
  coreWeightOf,
  type LoadOverride,
  loadedVariant,
  overrideKey,
  type Variant,
  withoutWeight,
} from "@infaas/api";
import { answerTolerance } from "../engines/answer-tolerance";
import type { NamedAxisLimit } from "../engines/axis-limits";
import { KERNEL_MODULE, ONNX_RUNTIME } from "../engines/engine-names";
import type { EngineOptions, LatencyPoint, Padding } from "../engines/engine-port";
import type { ExternalData } from "../files/model-folders";

/** The part of a variant's record that running it takes. */
export interface VariantSpec {
  readonly name: string;
  /** Name and version of its architecture. */
  readonly architecture: string;
  readonly modelDigest: string;
  /** Files that the model file takes weights from. */
  readonly externalData: readonly ExternalData[];
  /** It runs on the device of its executor; absent: on the CPU. */
  readonly onDevice?: true;
  readonly threads: number;
  readonly concurrency: number;
  readonly maxBatch: number;
  /** Requests run one at a time, whatever their first axis is. */
  readonly unbatched: boolean;
  /** When it was measured, milliseconds since 1970; 0 when the record does not say. */
  readonly measuredAtMs?: number;
  /** How queries that shared a batch are run again alone; absent: they are not. */
  readonly recheck?: NonNullable<EngineOptions["recheck"]>;
  /** What makes its tensors of pictures or texts; absent: it takes tensors alone. */
  readonly adapter?: Adapter;
  /** How requests are padded; absent: they are not. */
  readonly padding?: Padding;
  /** How large free axes of requests may be; absent: as they come. */
  readonly axisLimits?: readonly NamedAxisLimit[];
  /** The operator's override; absent: loaded as registered (decision 0017). */
  readonly loadOverride?: LoadOverride;
  /** Share of the host's cores in times of others' (decision 0043); default 1. It may change while an instance serves. */
  readonly coreWeight?: number;
  /** Peak memory of one instance as measured at registration. */
  readonly memoryBytes: number;
  /** Empty where nothing was measured: no query is refused by a figure that is a stated default. */
  readonly latency: readonly LatencyPoint[];
  /** One row of every input, raw; empty when the registration gave none. */
  readonly goldenInputs: readonly Uint8Array[];
  /** Whole shape of each golden input; empty in records that do not say. */
  readonly goldenInputDims: readonly (readonly number[])[];
  readonly goldenOutputs: readonly Uint8Array[];
  /** Largest absolute difference that still passes the probe. */
  readonly goldenTolerance: number;
}

/** Returns the runnable part of a registry record, or why it cannot be run here. */
export function variantSpec(
  record: Variant,
): { ok: true; value: VariantSpec } | { ok: false; fault: string } {
  const wire = loadedVariant(record);
  const faults = variantFaults(wire);
  if (faults.length > 0) return { ok: false, fault: `variant ${wire.name}: ${faults.join("; ")}` };
  const points = wire.unprofiledReason === "" ? (wire.profile?.points ?? []) : [];
  return {
    ok: true,
    value: {
      name: wire.name,
      architecture: `${wire.architecture}.v${wire.version}`,
      modelDigest: wire.modelDigest,
      externalData: wire.externalData.map(({ name, digest }) => ({ name, digest })),
      ...(wire.engine === KERNEL_MODULE ? { onDevice: true } : {}),
      threads: wire.threads,
      concurrency: wire.concurrency,
      maxBatch: wire.maxBatch,
      ...recheckOf(wire),
      unbatched: wire.unbatched,
      measuredAtMs: Number(wire.profile?.measuredAtMs ?? 0n),
      ...(wire.adapter === undefined ? {} : { adapter: wire.adapter }),
      ...(wire.padding === undefined ? {} : { padding: wire.padding }),
      ...(wire.loadOverride === undefined ? {} : { loadOverride: wire.loadOverride }),
      axisLimits: wire.axisLimits.map(limitOf),
      coreWeight: coreWeightOf(wire.loadOverride) ?? 1,
      memoryBytes: Number(wire.profile?.peakMemoryBytes ?? 0n),
      latency: points.map((p) => ({ batch: p.batch, latencyMs: p.p50Ms })),
      goldenInputs: wire.goldenInputs,
      goldenInputDims: wire.goldenInputShapes.map(({ dims }) => dims.map(Number)),
      goldenOutputs: wire.goldenOutputs,
      goldenTolerance: wire.goldenTolerance,
    },
  };
}

/**
 * Returns the identity of an instance. A record that changes nothing in it leaves the loaded instance as it
 * is, but for its weight.
 */
export function instanceKey(spec: VariantSpec): string {
  const files = [spec.modelDigest, ...spec.externalData.map(({ digest }) => digest)].join("+");
  const padding = spec.padding === undefined ? "" : JSON.stringify(spec.padding);
  const adapter = spec.adapter === undefined ? "" : `|${JSON.stringify(spec.adapter)}`;
  const { axisLimits = [] } = spec;
  const limits = axisLimits.length === 0 ? "" : `|${JSON.stringify(axisLimits)}`;
  return `${spec.name}|${files}|${padding}${adapter}${limits}|${spec.threads}x${spec.concurrency}|${spec.maxBatch}${spec.unbatched ? "|unbatched" : ""}|${overrideKey(withoutWeight(spec.loadOverride))}`;
}

function limitOf({ name, places, measured, max, stated }: Variant["axisLimits"][number]): NamedAxisLimit {
  return {
    name,
    places: places.map(({ input, axis }) => ({ input, axis })),
    measured: Number(measured),
    max: Number(max),
    stated,
  };
}

/** Within what a processor may answer otherwise; nothing where rows share no batch. */
function recheckOf(wire: Variant): Pick<VariantSpec, "recheck"> {
  if (wire.unbatched || wire.maxBatch === 1) return {};
  return {
    recheck: { tolerance: answerTolerance(wire.precision), proven: batchingFromWire(wire) === "proven" },
  };
}

function variantFaults(wire: Variant): string[] {
  const faults: string[] = [];
  if (wire.engine !== ONNX_RUNTIME && wire.engine !== KERNEL_MODULE)
    faults.push(`engine ${wire.engine} is not built, this executor has ${ONNX_RUNTIME} and ${KERNEL_MODULE}`);
  if (wire.threads < 1) faults.push(`threads ${wire.threads} is below 1`);
  if (wire.concurrency < 1) faults.push(`concurrency ${wire.concurrency} is below 1`);
  if (wire.maxBatch < 1) faults.push(`max batch ${wire.maxBatch} is below 1`);
  if (wire.modelDigest === "") faults.push("it names no model file");
  return faults;
}
