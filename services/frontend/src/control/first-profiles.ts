import { create } from "@bufbuild/protobuf";
import {
  BatchLatencySchema,
  type Profile,
  ProfileSchema,
  type RegistryService,
  type Variant as WireVariant,
} from "@infaas/api";
import { USER_CALL_TIMEOUT_MS } from "@infaas/cluster";
import { fitProfile, type Variant } from "@infaas/policy";
import { type ClientOf, type Clock, type Logger, ServiceError } from "@infaas/runtime";
import type { Body } from "../query/body";
import type { ClusterView } from "../view/cluster-view";
import { type GoldenQuery, goldenQuery } from "./golden-query";

export interface FirstProfilesOptions {
  readonly view: ClusterView;
  readonly registry: ClientOf<typeof RegistryService>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Answered queries that make a profile: the first few runs of a model are slower than all later ones. */
const ANSWERS_WANTED = 8;
/** Bytes of a golden query with its answer: they stand in the variant's record. */
const GOLDEN_BYTES_MAX = 262_144;
/** How long after a failed attempt a profile is recorded anew. */
const RETRY_MS = 5_000;
/** A clock may tell no time at all of a short run, and a profile has latencies above 0. */
const RUN_MIN_MS = 0.001;
const MS_PER_SECOND = 1_000;

interface Learning {
  readonly runsMs: number[];
  golden: GoldenQuery | null;
  /** It is being recorded, or was. */
  isRecorded: boolean;
  againAtMs: number;
}

/**
 * Makes the profile of a variant that registration could not measure from its first answered queries: what the engine took
 * for each, and one of them, with its answer, as its golden row. Every frontend learns from what it sees; the registry
 * takes the first profile that comes and refuses the others, which were made of an older record.
 */
export class FirstProfiles {
  /** By the variant as its record was read: with the record what was learned of it goes too. */
  private readonly learning = new WeakMap<Variant, Learning>();

  constructor(private readonly o: FirstProfilesOptions) {}

  /** Learns from one answer; the bodies are read before it returns. */
  answered(
    variant: Variant,
    { request, answer, runMs }: { readonly request: Body; readonly answer: Body; readonly runMs: number },
  ): void {
    const learning = this.of(variant);
    if (learning.isRecorded) return;
    if (learning.runsMs.length < ANSWERS_WANTED) learning.runsMs.push(Math.max(runMs, RUN_MIN_MS));
    if (request.byteLength + answer.byteLength <= GOLDEN_BYTES_MAX)
      learning.golden ??= this.golden(variant, request, answer);
    if (learning.runsMs.length < ANSWERS_WANTED || this.o.clock.nowMs() < learning.againAtMs) return;
    void this.record(variant, learning);
  }

  private of(variant: Variant): Learning {
    let learning = this.learning.get(variant);
    if (learning === undefined) {
      learning = { runsMs: [], golden: null, isRecorded: false, againAtMs: 0 };
      this.learning.set(variant, learning);
    }
    return learning;
  }

  private golden(variant: Variant, request: Body, answer: Body): GoldenQuery | null {
    const { architectures } = this.o.view.catalog;
    const owner = architectures.find((a) => a.name === variant.architecture && a.version === variant.version);
    return owner === undefined ? null : goldenQuery(request.bytes(), answer.bytes(), owner);
  }

  private async record({ name, architecture }: Variant, learning: Learning): Promise<void> {
    const { view, registry, clock, logger } = this.o;
    learning.isRecorded = true;
    const readRevision = view.revision;
    const read = view.catalog.wireVariants.filter((v) => v.architecture === architecture);
    const record = read.find((v) => v.name === name);
    if (record === undefined || record.unprofiledReason === "") return;
    const profiled = withProfile(record, learning, clock.epochMs());
    const variants = read.map((v) => (v === record ? profiled : v));
    const { version } = record;
    try {
      await registry.putVariants(
        { architecture, version, variants, readRevision },
        { timeoutMs: USER_CALL_TIMEOUT_MS },
      );
      logger.info("profiled by its first answered queries", { variant: name });
    } catch (fault) {
      learning.isRecorded = false;
      learning.againAtMs = clock.nowMs() + RETRY_MS;
      logger.warn("first profile not recorded", { variant: name, error: ServiceError.from(fault).message });
    }
  }
}

/** The record as it is once its first queries are answered. */
function withProfile(record: WireVariant, { runsMs, golden }: Learning, epochMs: number): WireVariant {
  const profiled = { ...record, unprofiledReason: "", profile: profileOf(record, runsMs, epochMs) };
  if (golden === null || record.goldenTolerance === 0) return { ...profiled, goldenTolerance: 0 };
  const { inputs, shapes, outputs, magnitude } = golden;
  return {
    ...profiled,
    goldenInputs: inputs,
    goldenInputShapes: shapes,
    goldenOutputs: outputs,
    goldenTolerance: record.goldenTolerance * Math.max(1, magnitude),
  };
}

function profileOf(
  { profile: stated = create(ProfileSchema), concurrency }: WireVariant,
  runsMs: readonly number[],
  epochMs: number,
): Profile {
  const { points, fit } = fitProfile([{ batch: 1, samplesMs: runsMs }]);
  const p50Ms = points[0]?.p50Ms ?? RUN_MIN_MS;
  return {
    ...stated,
    points: points.map((point) => create(BatchLatencySchema, point)),
    ...fit,
    saturationPerSecond: (MS_PER_SECOND / p50Ms) * concurrency,
    measuredAtMs: BigInt(Math.round(epochMs)),
  };
}
