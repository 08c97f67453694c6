import type { Adapter, ImageAdapter, TensorSpec, TextAdapter } from "../gen/infaas/v1/types_pb";

/** Longest side of a picture as a model takes it, and as it is resized to. */
export const ADAPTED_SIDE_MAX = 4_096;
/** Longest text as a model takes it, in its own units. */
export const ADAPTED_LENGTH_MAX = 65_536;
/** Resample filters, in Pillow's words. */
export const RESAMPLE_FILTERS = ["bilinear", "bicubic", "lanczos"] as const;

/** Name of the BYTES input that a query of pictures or texts has; `kind` of the adapter. */
export type AdapterInput = "image" | "text";

/** Name of the input that an adapter reads; null for an adapter that says nothing. */
export function adapterInput({ kind }: Adapter): AdapterInput | null {
  return kind.case ?? null;
}

/** Everything that is wrong with the adapter of pictures by itself. */
export function imageAdapterFaults(image: ImageAdapter): string[] {
  const { width, height, channels, layout, scale, offset, mean, std, filter } = image;
  const { resizeShortest, resizeWidth, resizeHeight } = image;
  const sides = [width, height, ...[resizeShortest, resizeWidth, resizeHeight].filter((side) => side !== 0)];
  const tooFar = sides.find((side) => side < 1 || side > ADAPTED_SIDE_MAX);
  const finite = [scale, offset, ...mean, ...std].every(Number.isFinite);
  const faults = [
    tooFar === undefined ? null : `image has a side of ${tooFar}, allowed are 1 to ${ADAPTED_SIDE_MAX}`,
    channels === 1 || channels === 3 ? null : `image has ${channels} channels, allowed are 1 and 3`,
    layouts.includes(layout) ? null : `image layout "${layout}" is none of ${layouts.join(", ")}`,
    finite && scale !== 0 ? null : `image scale ${scale} makes every picture the same`,
    std.includes(0) ? "image std has a 0, by which nothing is divided" : null,
    filter === "" || (RESAMPLE_FILTERS as readonly string[]).includes(filter)
      ? null
      : `image filter "${filter}" is none of ${RESAMPLE_FILTERS.join(", ")}`,
    ...[mean, std].map((values) =>
      values.length === 0 || values.length === channels
        ? null
        : `image mean or std has ${values.length} numbers for ${channels} channels`,
    ),
    cropFault(image),
  ];
  return faults.filter((fault) => fault !== null);
}

/** Everything that is wrong with the adapter of texts by itself. */
export function textAdapterFaults({ length, alphabet }: TextAdapter): string[] {
  const faults = [
    length >= 1 && length <= ADAPTED_LENGTH_MAX
      ? null
      : `text length is ${length}, allowed are 1 to ${ADAPTED_LENGTH_MAX}`,
    alphabet === "" ? "text alphabet is empty" : null,
  ];
  return faults.filter((fault) => fault !== null);
}

/** Why an adapter is none, or does not make what a model of these inputs takes; null when it does. */
export function adapterFault({ kind }: Adapter, inputs: readonly TensorSpec[]): string | null {
  if (kind.case === undefined) return "adapter has neither image nor text";
  const faults = kind.case === "image" ? imageAdapterFaults(kind.value) : textAdapterFaults(kind.value);
  if (faults.length > 0) return faults.join("; ");
  const needed = inputs.filter(({ optional }) => !optional);
  const [input] = needed;
  if (input === undefined || needed.length > 1)
    return `adapter makes one tensor, the model takes ${needed.map(({ name }) => name).join(", ") || "none"}`;
  const made = kind.case === "image" ? imageRow(kind.value) : [kind.value.length];
  const fits = input.anyRank || isRowOf(input.shape, made);
  if (input.datatype !== "BYTES" && fits) return null;
  return `adapter makes rows of [${made.join(", ")}], input '${input.name}' is ${input.datatype} [${input.shape.join(", ")}]`;
}

/** Axes of one picture as a model takes it, without the batch. */
export function imageRow({ width, height, channels, layout }: ImageAdapter): number[] {
  return layout === "NHWC" ? [height, width, channels] : [channels, height, width];
}

const layouts: readonly string[] = ["NCHW", "NHWC"];

/** What is cut out must lie within what was resized to. */
function cropFault({
  width,
  height,
  resizeShortest,
  resizeWidth,
  resizeHeight,
}: ImageAdapter): string | null {
  if (resizeShortest !== 0 && (resizeWidth !== 0 || resizeHeight !== 0))
    return "image has both a shortest side and a size to be resized to";
  if ((resizeWidth === 0) !== (resizeHeight === 0)) return "image has one side only to be resized to";
  const [across, down] =
    resizeShortest !== 0 ? [resizeShortest, resizeShortest] : [resizeWidth, resizeHeight];
  if (across === 0 || (across >= width && down >= height)) return null;
  return `image is resized to ${across} x ${down}, of which ${width} x ${height} cannot be cut out`;
}

/** The first axis is the batch, or one row. */
function isRowOf([first, ...rest]: readonly bigint[], made: readonly number[]): boolean {
  if (first !== -1n && first !== 1n) return false;
  return rest.length === made.length && rest.every((size, axis) => size < 0n || Number(size) === made[axis]);
}
