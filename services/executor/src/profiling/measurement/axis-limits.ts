import { create } from "@bufbuild/protobuf";
import { type AxisLimit, AxisLimitSchema, axisNames, elementCount, withStatedLimits } from "@infaas/api";
import type { TensorSignature } from "@infaas/onnx";
import { axisKey } from "@infaas/onnx";
import { type Clock, Code, processUsage, ServiceError } from "@infaas/runtime";
import { grownRow } from "../onnx/grown-row";
import { ModelRunner, withRunner } from "../onnx/model-runner";
import type { ProfilePorts } from "./profile-ports";
import type { ProfiledArchitecture } from "./profiled-model";

/** Memory of a run that is seen beside what the process does anyway; what takes less is taken to take so much. */
const SEEN_BYTES = 16 * 2 ** 20;
/** Part of the memory for instances up to which runs are made, so that what follows from them is near... */
const TRIED_SHARE = 1 / 8;
/** ...for so long each, and all together. A run of twice the size may take sixteen times as long. */
const RUN_MS = 50;
const ALL_MS = 1_000;
/** Elements of one input, beyond which no larger is tried. */
const ELEMENTS_TRIED = 2 ** 21;
/** Powers of an axis's size that memory grows by, at the least and the most; where it cannot be told, as attention does. */
const POWERS = { least: 1, unseen: 2, most: 4 } as const;
/** What any axis may be beside its measured size, however much memory that takes: then the query is refused for its memory. */
const FACTOR_LEAST = 4;
/** The same where the model runs with no other size that was tried: nothing is known of its memory. */
const FACTOR_UNKNOWN = 64;

/** A free axis by its key, with its places. */
interface FreeAxis {
  readonly name: string;
  readonly places: readonly { readonly input: string; readonly axis: number }[];
  readonly measured: number;
}

/** A run, and what the process had grown by after it. */
interface Grown {
  readonly factor: number;
  readonly bytes: number;
  readonly runMs: number;
}

/**
 * How large each free axis of requests may be: as large as a request may be, the other axes as measured, to take the memory
 * that this executor has for instances, by what runs of rising sizes take and how that grows (decision 0042). `stated` ones
 * are as stated.
 * @throws ServiceError INVALID_ARGUMENT for a stated one of no free axis, or below the size that is measured with.
 */
export async function measureAxisLimits(
  profiled: ProfiledArchitecture,
  path: string,
  stated: Readonly<Record<string, bigint>>,
  ports: ProfilePorts,
): Promise<AxisLimit[]> {
  const axes = freeAxesOf(profiled);
  const limits = axes.map((axis) => create(AxisLimitSchema, { ...limitOf(axis), max: 0n }));
  const all = withStatedLimits(limits, stated);
  expectStated(all, stated);
  const open = axes.filter((_, index) => all[index]?.stated !== true);
  if (open.length === 0) return all;
  const factors = await new Growth(profiled, path, ports).factors(open);
  return all.map((limit) => {
    if (limit.stated) return limit;
    return {
      ...limit,
      max: BigInt(Math.floor(Number(limit.measured) * (factors.get(limit.name) ?? FACTOR_LEAST))),
    };
  });
}

function limitOf({ name, places, measured }: FreeAxis) {
  return { name, places: [...places], measured: BigInt(measured) };
}

/** First axes that count rows are free of limits: more rows than a batch has are run in pieces. */
function freeAxesOf({ signature, rows, architecture }: ProfiledArchitecture): FreeAxis[] {
  const shapes = rows.dimsOf(1);
  const found = new Map<string, { places: { input: string; axis: number }[]; measured: number }>();
  for (const [index, input] of signature.inputs.entries()) {
    if (input.anyRank) continue;
    for (const [axis, size] of input.shape.entries()) {
      if (size !== -1 || (axis === 0 && architecture.batchable)) continue;
      const key = axisKey(input, axis);
      const known = found.get(key) ?? { places: [], measured: 1 };
      known.places.push({ input: input.name, axis });
      found.set(key, { ...known, measured: Math.max(known.measured, shapes[index]?.[axis] ?? 1) });
    }
  }
  return [...found].map(([name, axis]) => ({ name, ...axis }));
}

function expectStated(limits: readonly AxisLimit[], stated: Readonly<Record<string, bigint>>): void {
  const known = limits.flatMap(axisNames);
  const unknown = Object.keys(stated).find((name) => !known.includes(name));
  const faults = [
    ...(unknown === undefined
      ? []
      : [`'${unknown}' is no free axis of the model; free are: ${[...new Set(known)].join(", ") || "none"}`]),
    ...limits.flatMap(({ name, max, measured, stated: isStated }) =>
      isStated && max <= measured
        ? [`axis ${name} is limited to ${max}, it must be above ${measured}, which is measured with`]
        : [],
    ),
  ];
  if (faults.length > 0) throw new ServiceError(Code.INVALID_ARGUMENT, faults.join("; "));
}

/** Runs of one model with larger and larger inputs. */
class Growth {
  private readonly grantBytes: number;
  private readonly clock: Clock;
  private readonly untilMs: number;

  constructor(
    private readonly profiled: ProfiledArchitecture,
    private readonly path: string,
    private readonly ports: ProfilePorts,
  ) {
    this.grantBytes = ports.host.memoryBytes;
    this.clock = ports.clock;
    this.untilMs = ports.clock.nowMs() + ALL_MS;
  }

  /** By how much each axis may grow; axes that only grow with others do so with all of those. */
  async factors(axes: readonly FreeAxis[]): Promise<ReadonlyMap<string, number>> {
    const { path, ports, profiled } = this;
    const open = ModelRunner.open(ports.engines, profiled.rows, {
      path,
      threads: 1,
      concurrency: 1,
      maxBatch: 1,
    });
    return await withRunner(open, async (runner) => {
      const idleBytes = processUsage.residentBytes();
      const found = new Map<string, number>();
      for (const axis of axes) {
        const factor = await this.factorOf(runner, [axis], idleBytes);
        if (factor !== null) found.set(axis.name, factor);
      }
      const left = axes.filter(({ name }) => !found.has(name));
      const together = left.length > 1 ? await this.factorOf(runner, left, idleBytes) : null;
      for (const { name } of left) found.set(name, together ?? FACTOR_UNKNOWN);
      return found;
    });
  }

  /** Null: the model runs with no larger size of these alone. */
  private async factorOf(
    runner: ModelRunner,
    axes: readonly FreeAxis[],
    idleBytes: number,
  ): Promise<number | null> {
    const runs: Grown[] = [];
    for (let factor = 1; ; factor *= 2) {
      const grown = await this.run(runner, axes, factor, idleBytes);
      if (grown === null) break;
      runs.push(grown);
      if (this.isEnough(runs)) break;
    }
    const last = runs.at(-1);
    return last === undefined || last.factor === 1 ? null : factorWithin(this.grantBytes, runs.at(-2), last);
  }

  /** The next run might take too much or too long; what it grew by last, it grows by again at the least. */
  private isEnough(runs: readonly Grown[]): boolean {
    const [before, last] = [runs.at(-2), runs.at(-1)!];
    const ratio =
      before === undefined ? 2 ** POWERS.most : Math.max(4, last.bytes / Math.max(before.bytes, SEEN_BYTES));
    return (
      last.bytes * ratio > this.grantBytes / 2 ||
      last.bytes > this.grantBytes * TRIED_SHARE ||
      last.runMs > RUN_MS ||
      this.clock.nowMs() > this.untilMs
    );
  }

  private async run(runner: ModelRunner, axes: readonly FreeAxis[], factor: number, idleBytes: number) {
    const { rows, signature } = this.profiled;
    const factors = signature.inputs.map((input) => factorsOf(input, axes, factor));
    const larger = rows
      .dimsOf(1)
      .map((shape, input) => shape.map((size, axis) => size * (factors[input]?.[axis] ?? 1)));
    if (factor > 1 && larger.some((shape) => elementCount(shape) > ELEMENTS_TRIED)) return null;
    const row = grownRow(signature.inputs, rows, factors);
    try {
      const runMs = await runner.over(row).timeMs(row.inputsOf([0]), 1);
      return { factor, bytes: Math.max(0, processUsage.residentBytes() - idleBytes), runMs };
    } catch {
      // Whatever the reason is: of larger ones nothing can be told.
      return null;
    }
  }
}

function factorsOf({ name, shape }: TensorSignature, axes: readonly FreeAxis[], factor: number): number[] {
  return shape.map((_, axis) => {
    const grows = axes.some(({ places }) =>
      places.some((place) => place.input === name && place.axis === axis),
    );
    return grows ? factor : 1;
  });
}

/** By how much an axis may grow until runs take `grantBytes`, by the last run and how memory grew towards it. */
export function factorWithin(grantBytes: number, before: Grown | undefined, last: Grown): number {
  const isSeen = before !== undefined && before.bytes >= SEEN_BYTES / 2;
  const power = isSeen ? Math.log2(last.bytes / before.bytes) : POWERS.unseen;
  const bounded = Math.min(Math.max(power, POWERS.least), POWERS.most);
  const further = (grantBytes / Math.max(last.bytes, SEEN_BYTES)) ** (1 / bounded);
  return Math.max(last.factor * further, FACTOR_LEAST);
}
