import { elementCount } from "@infaas/api";
import type { TensorSignature } from "@infaas/onnx";
import { type AxisConstraints, type AxisSizes, candidateSizes, shapesWith } from "@infaas/onnx";
import { type Clock, Code, ServiceError } from "@infaas/runtime";
import type { RunAnswer } from "./model-runner";
import { type RandomRowOptions, randomRows } from "./random-rows";
import { type GivenInput, listedRows, type RowSet } from "./row-set";

type Values = Pick<RandomRowOptions, "integersBelow" | "integersFrom" | "wholeFloats" | "words">;

/**
 * What integers are drawn below: an index that is out of range is tried again smaller, until there is only 0.
 */
const INTEGER_LIMITS = [100, 10, 2, 1] as const;
/**
 * Numbers that are divided by, sizes that are asked for, also as floats and as text: none is 0. Last the
 * parts of a split.
 */
const COUNTS = [
  { integersFrom: 1, integersBelow: 10, wholeFloats: true },
  { integersFrom: 1, integersBelow: 2, wholeFloats: true },
] as const;
const DIGITS = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];
/** Sizes and values that are tried, at most... */
const TRIALS_MAX = 2_000;
/** ...and for so long; the first is always tried. */
const TRIALS_MS_MAX = 30_000;
/** Rows that have to run, first one and then more: with random indices one alone may run by chance. */
const ROWS_TRIED = [1, 4] as const;
/** Numbers of axes tried for inputs that do not say theirs, likely ones first. */
const RANKS = [2, 1, 3, 4, 0] as const;
/** Elements of one input, beyond which sizes are not tried: a picture with sides of 16,000 helps nobody. */
const ELEMENTS_MAX = 2 ** 21;

/**
 * Bytes of an answer beyond which smaller values are tried, and taken where they are answered with less: integers that say sizes
 * (paddings, repeats) make gigabytes of a few bytes.
 */
const LIKED_ANSWER_BYTES = 64 * 1024 ** 2;

/** Hints about inputs that a file contains. */
export interface InputHints {
  readonly constraints: AxisConstraints;
  /** Words that the file names, by input. */
  readonly words: ReadonlyMap<string, readonly string[]>;
}

/** What rows are looked for with. */
export interface RowSearch {
  readonly inputs: readonly TensorSignature[];
  /** Sizes that somebody stated, by axis. */
  readonly told: AxisSizes;
  /** Values that somebody gave, by input; default: none. */
  readonly given?: ReadonlyMap<string, GivenInput>;
  /** What the graph says of sizes and words; default: nothing. */
  readonly hints?: InputHints;
  /** Runs one row of a set; rejects when the model does not take it. */
  readonly run: RunRow;
  readonly clock: Clock;
}

type RunRow = (rows: RowSet, row: number) => Promise<Pick<RunAnswer, "outputs">>;

/** Rows that a model answers; or why none were found, in the engine's words. */
export type WorkingRows =
  | {
      readonly kind: "found";
      readonly rows: RowSet;
      /** Sizes of the free axes. */
      readonly sizes: AxisSizes;
    }
  | { readonly kind: "none"; readonly reason: string };

/** Finds inputs that a model answers when nobody gave any: sizes for its free axes and small enough integers. */
export async function findWorkingRows(o: RowSearch): Promise<WorkingRows> {
  const given = o.given ?? new Map<string, GivenInput>();
  const drawn = o.inputs.filter(({ name }) => !given.has(name));
  if (given.size > 0 && drawn.length === 0) return await runGiven(o, given);
  const mayShrink = drawn.some(({ datatype }) => /INT/.test(datatype));
  const styles = valueStyles(drawn, o.hints?.words ?? new Map());
  const untilMs = o.clock.nowMs() + TRIALS_MS_MAX;
  let trials = 0;
  let first: ServiceError | null = null;
  /** Rows that are answered with much, or otherwise each time. */
  let disliked: WorkingRows | null = null;
  for (const { inputs, sizes } of candidates(o.inputs, o.told, o.hints?.constraints)) {
    const undecided = inputs.filter(({ name }) => !given.has(name));
    if (shapesWith(undecided, sizes).some((shape) => elementCount(shape) > ELEMENTS_MAX)) continue;
    const shapes = shapesGiven(inputs, sizes, given);
    for (const values of styles) {
      const isTriedOut = trials > 0 && (trials >= TRIALS_MAX || o.clock.nowMs() > untilMs);
      if (isTriedOut) return disliked ?? refused(first, trials);
      trials += 1;
      const some = ROWS_TRIED.map((count) => () => randomRows(inputs, { shapes, given, ...values, count }));
      const tried = await tryRows(some, o.run, mayShrink);
      if (tried instanceof ServiceError) {
        first ??= tried;
        continue;
      }
      const rows = () => randomRows(inputs, { shapes, given, ...values });
      if (!mayShrink || (tried.answerBytes <= LIKED_ANSWER_BYTES && tried.repeats))
        return { kind: "found", rows: rows(), sizes };
      disliked ??= { kind: "found", rows: rows(), sizes };
    }
    // Other sizes of axes make answers larger, not smaller, and no steadier.
    if (disliked !== null) return disliked;
  }
  return disliked ?? refused(first, trials);
}

/**
 * Runs every example that somebody gave for all inputs, for as long as trials may take; the first is always run.
 * @throws ServiceError INVALID_ARGUMENT, in the engine's words, for one that the model does not take.
 */
async function runGiven(
  { inputs, told, run, clock }: RowSearch,
  given: ReadonlyMap<string, GivenInput>,
): Promise<WorkingRows> {
  const values = inputs.map(({ name }) => given.get(name)!);
  const rows = listedRows(inputs, values, Math.max(...values.map((value) => value.rows.length)));
  const untilMs = clock.nowMs() + TRIALS_MS_MAX;
  for (let row = 0; row < rows.count && (row === 0 || clock.nowMs() <= untilMs); row += 1) {
    const fault = await faultOfRow(() => run(rows, row));
    if (fault === null) continue;
    const message = `the engine refuses example ${row + 1} of ${rows.count}: ${fault.message}`;
    throw new ServiceError(Code.INVALID_ARGUMENT, message, { cause: fault });
  }
  return { kind: "found", rows, sizes: told };
}

/** Whole shape of each input, with the free axes of these sizes where no values are given. */
function shapesGiven(
  inputs: readonly TensorSignature[],
  sizes: AxisSizes,
  given: ReadonlyMap<string, GivenInput>,
): (readonly number[])[] {
  return shapesWith(inputs, sizes).map((shape, index) => given.get(inputs[index]!.name)?.shape ?? shape);
}

/** Inputs with as many axes as are tried, and sizes for them; numbers of axes take turns, since sizes are many. */
function* candidates(inputs: readonly TensorSignature[], told: AxisSizes, constraints?: AxisConstraints) {
  const ranks = inputs.some(({ anyRank }) => anyRank) ? RANKS : RANKS.slice(0, 1);
  let turns = ranks.map((rank) => {
    const ranked = inputs.map((input) => withRank(input, rank));
    return { ranked, sizes: candidateSizes(ranked, told, constraints) };
  });
  while (turns.length > 0) {
    const left: typeof turns = [];
    for (const turn of turns) {
      const { done, value } = turn.sizes.next();
      if (done) continue;
      yield { inputs: turn.ranked, sizes: value };
      left.push(turn);
    }
    turns = left;
  }
}

function withRank({ anyRank, ...input }: TensorSignature, rank: number): TensorSignature {
  return anyRank ? { ...input, shape: Array<number>(rank).fill(-1) } : input;
}

/** Ways to draw values, likely ones first; each only where an input makes it another one. */
function valueStyles(inputs: readonly TensorSignature[], words: InputHints["words"]): Values[] {
  const hasAny = (pattern: RegExp) => inputs.some(({ datatype }) => pattern.test(datatype));
  const limits = hasAny(/INT/) ? INTEGER_LIMITS : ([1] as const);
  const digits = new Map(inputs.map(({ name }) => [name, DIGITS]));
  const hasWords = [...words.values()].some((list) => list.length > 0);
  return [
    ...limits.map((integersBelow) => ({ integersBelow, words })),
    ...(hasWords ? [{}] : []),
    ...COUNTS.map((counts) => ({ ...counts, words: digits })),
  ];
}

/** How rows are answered. */
interface Tried {
  /** Bytes of the largest answer. */
  readonly answerBytes: number;
  /** Whether a row that was run again, after others, was answered alike; true where it was not. */
  readonly repeats: boolean;
}

/**
 * The engine's first refusal of a row of these sets, each made when it is its turn, or how they are answered; what is not about
 * the input is thrown. An engine that leaves memory of an answer unset (a wrapped padding larger than its axis) shows in a row
 * that is run `again`.
 */
async function tryRows(
  sets: readonly (() => RowSet)[],
  run: RunRow,
  again: boolean,
): Promise<ServiceError | Tried> {
  let [answerBytes, repeats] = [0, true];
  const fault = await faultOfRow(async () => {
    for (const made of sets) {
      const rows = made();
      let first: readonly Buffer[] = [];
      for (let row = 0; row < rows.count; row++) {
        const { outputs } = await run(rows, row);
        answerBytes = Math.max(answerBytes, bytesOf(outputs));
        if (row === 0 && again && answerBytes <= LIKED_ANSWER_BYTES)
          first = outputs.map((o) => Buffer.from(o));
      }
      if (rows.count === 1 || first.length === 0) continue;
      const { outputs } = await run(rows, 0);
      repeats &&= first.every((bytes, index) => bytes.equals(outputs[index]!));
    }
  });
  return fault ?? { answerBytes, repeats };
}

function bytesOf(outputs: readonly Uint8Array[]): number {
  return outputs.reduce((sum, { byteLength }) => sum + byteLength, 0);
}

async function faultOfRow(run: () => Promise<unknown>): Promise<ServiceError | null> {
  try {
    await run();
    return null;
  } catch (cause) {
    const fault = ServiceError.from(cause);
    if (fault.code === Code.INTERNAL || fault.code === Code.INVALID_ARGUMENT) return fault;
    throw fault;
  }
}

function refused(first: ServiceError | null, trials: number): WorkingRows {
  if (first === null) {
    const reason = `none was tried, every one has an input of more than ${ELEMENTS_MAX} elements`;
    return { kind: "none", reason };
  }
  const tried = trials === 1 ? "" : `; ${trials} inputs of other sizes and values were refused too`;
  return { kind: "none", reason: `${first.message}${tried}` };
}
