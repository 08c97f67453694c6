import { Code, ServiceError } from "@infaas/runtime";
import type { TensorSignature } from "./signature";

/** Sizes of free axes by key, see `axisKey`. */
export type AxisSizes = ReadonlyMap<string, number>;

/** Sizes tried for all free axes alike, likely ones first: sequences, pictures, windows of sound. */
const SIZES = [64, 128, 256, 512, 32, 224, 16, 48, 320, 8, 640, 1_024, 1, 4, 2, 1_280, 16_000] as const;
/** Sizes tried against each other where free axes must differ, as those of a sequence and a state. */
const MIXED_SIZES = [64, 1, 128, 32, 48, 256, 320, 512] as const;
/** With more free axes than this their sizes are not mixed: eight to the power of them would be too many. */
const MIXED_AXES_MAX = 3;
/** Sizes tried for a first axis that is no row axis: one element of it was too few. */
const FIRST_SIZES = [16, 64, 128] as const;
/** Free axes named in a refusal. */
const AXES_NAMED_MAX = 16;
/** Names that exporters give to axes they know nothing of; equal ones need not be equal sizes. */
const NAMELESS = /^$|^\?$|^unk__/;

/** What a free axis is called: its own name, so that axes of one name share a size, else `tensor.axis`. */
export function axisKey({ name, symbols }: TensorSignature, axis: number): string {
  const symbol = symbols?.[axis] ?? "";
  return NAMELESS.test(symbol) ? `${name}.${axis}` : symbol;
}

/** Free axes of the inputs by key: those that lead a tensor, and the others. */
export function freeAxes(inputs: readonly TensorSignature[]): { leading: Set<string>; inner: Set<string> } {
  const leading = new Set<string>();
  const inner = new Set<string>();
  for (const input of inputs) if (input.shape[0] === -1) leading.add(axisKey(input, 0));
  for (const input of inputs) {
    for (const [axis, size] of input.shape.entries()) {
      const key = axisKey(input, axis);
      if (size === -1 && axis > 0 && !leading.has(key)) inner.add(key);
    }
  }
  return { leading, inner };
}

/**
 * Sizes as somebody stated them, by the axis's key or by `input.axis`.
 * @throws ServiceError INVALID_ARGUMENT for what is no free axis, naming those that are.
 */
export function statedSizes(
  inputs: readonly TensorSignature[],
  stated: Readonly<Record<string, number>>,
): AxisSizes {
  const keys = new Map<string, string>();
  for (const input of inputs) {
    for (const [axis, size] of input.shape.entries()) {
      if (size !== -1) continue;
      const key = axisKey(input, axis);
      for (const name of [key, `${input.name}.${axis}`]) keys.set(name, key);
    }
  }
  const sizes = Object.entries(stated).map(([name, size]) => {
    const key = keys.get(name);
    if (key !== undefined) return [key, size] as const;
    const known = [...new Set(keys.values())].slice(0, AXES_NAMED_MAX).join(", ") || "none";
    throw new ServiceError(
      Code.INVALID_ARGUMENT,
      `'${name}' is no free axis of the model; free are: ${known}`,
    );
  });
  return new Map(sizes);
}

/** Whole shape of each input with the free axes of these sizes; an axis that has none is 1. */
export function shapesWith(inputs: readonly TensorSignature[], sizes: AxisSizes): number[][] {
  return inputs.map((input) =>
    input.shape.map((size, axis) => (size === -1 ? (sizes.get(axisKey(input, axis)) ?? 1) : size)),
  );
}

/** What a graph says of the sizes of free axes, by key. Axes that must be equal are spoken of under one of their keys. */
export interface AxisConstraints {
  readonly equal: AxisSizes;
  /** The size is a multiple of so much. */
  readonly multiples: AxisSizes;
  /** Key that an axis is spoken of under, where it is not its own. */
  readonly same: ReadonlyMap<string, string>;
}

/**
 * Sizes to try, likely ones first: those that the graph allows, then all others, since a graph may decide as it runs. `told`
 * ones stand in all of them. Every first axis is 1 until nothing else is left.
 */
export function* candidateSizes(
  inputs: readonly TensorSignature[],
  told: AxisSizes,
  constraints?: AxisConstraints,
): Generator<AxisSizes> {
  const seen = new Set<string>();
  const lists = [
    ...(constraints === undefined ? [] : [allowed(inputs, told, constraints)]),
    likely(inputs, told),
  ];
  for (const list of lists) {
    for (const sizes of list) {
      const shapes = JSON.stringify(shapesWith(inputs, sizes));
      if (seen.has(shapes)) continue;
      seen.add(shapes);
      yield sizes;
    }
  }
}

function* allowed(
  inputs: readonly TensorSignature[],
  told: AxisSizes,
  { equal, multiples, same }: AxisConstraints,
): Generator<AxisSizes> {
  const { leading, inner } = freeAxes(inputs);
  const rootOf = (key: string) => same.get(key) ?? key;
  const toldRoots = new Map([...told].map(([key, size]) => [rootOf(key), size] as const));
  for (const sizes of likely(inputs, new Map([...equal, ...told]))) {
    const fitted = new Map(sizes);
    for (const key of [...leading, ...inner]) {
      if (told.has(key)) continue;
      const root = rootOf(key);
      const size = toldRoots.get(root) ?? equal.get(root) ?? sizes.get(root) ?? sizes.get(key) ?? 1;
      const factor = multiples.get(root) ?? 1;
      fitted.set(key, Math.ceil(size / factor) * factor);
    }
    yield fitted;
  }
}

function* likely(inputs: readonly TensorSignature[], told: AxisSizes): Generator<AxisSizes> {
  const { leading, inner } = freeAxes(inputs);
  const open = [...inner].filter((key) => !told.has(key));
  const lone = [...leading].filter((key) => !told.has(key));
  if (open.length === 0) yield told;
  else for (const size of SIZES) yield sized(open, size, told);
  if (open.length > 1 && open.length <= MIXED_AXES_MAX) yield* mixed(open, told);
  if (lone.length > 0) for (const size of FIRST_SIZES) yield sized([...lone, ...open], size, told);
}

function sized(keys: readonly string[], size: number, told: AxisSizes): AxisSizes {
  return new Map([...keys.map((key) => [key, size] as const), ...told]);
}

function* mixed([key, ...rest]: readonly string[], told: AxisSizes): Generator<AxisSizes> {
  if (key === undefined) return yield told;
  for (const size of MIXED_SIZES) yield* mixed(rest, new Map([[key, size], ...told]));
}
