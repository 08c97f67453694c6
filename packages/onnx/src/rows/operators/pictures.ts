import { knownSize, one, type Size, sizeOf } from "../size";
import { knownNumbers, shared, type Traced, withRows } from "../traced";
import {
  floatsOf,
  fromFront,
  hasAttribute,
  input,
  intOf,
  intsOf,
  mixes,
  type Rule,
  type TracedNode,
  textOf,
  unknown,
} from "../traced-node";
import { withoutValues } from "./elementwise";

const ROWS_ELSEWHERE = "takes the axis that the rows are on for another than the pictures'";

/** A convolution: pictures on the first axis, weights the same for all. `weights`: which input they are. */
export function convolution(weights: number, beside: readonly number[] = []): Rule {
  return (at) => {
    const value = withoutValues(input(at, 0)!);
    const parameters = at.inputs.filter((_, index) => index > 0 && !beside.includes(index));
    const fault = pictureFault(at, value, parameters);
    if (fault !== null || value.kind !== "rows") return fault ?? shared(null);
    for (const index of beside) {
      const along = input(at, index);
      if (along !== null && along.kind !== "rows")
        return unknown(at, "takes an input beside the pictures that has no rows");
      if (along !== null && along.rows.axis !== 0) return mixes(at, ROWS_ELSEWHERE);
    }
    const kernel = input(at, weights);
    const shape = kernel?.kind === "shared" ? kernel.shape : null;
    const channels = shape === null ? at.symbols.fresh() : channelsOf(at, shape);
    const edges = shape?.slice(2).map(knownSize) ?? [];
    return withRows([value.shape[0]!, channels, ...windows(at, value.shape.slice(2), edges)], value.rows);
  };
}

function channelsOf(at: TracedNode, kernel: readonly Size[]): Size {
  if (at.opType !== "ConvTranspose") return kernel[0]!;
  const perGroup = knownSize(kernel[1]!);
  return perGroup === null ? at.symbols.fresh() : sizeOf(perGroup * intOf(at, "group", 1));
}

/** A pooling over windows of each picture. Places within the whole tensor depend on the rows before. */
export const pooling: Rule = (at) => {
  const value = withoutValues(input(at, 0)!);
  const fault = pictureFault(at, value, at.inputs.slice(1));
  if (fault !== null || value.kind !== "rows") return fault ?? shared(null);
  const edges = intsOf(at, "kernel_shape") ?? [];
  const pooled = withRows(
    [...value.shape.slice(0, 2), ...windows(at, value.shape.slice(2), edges)],
    value.rows,
  );
  if (at.outputs < 2) return pooled;
  return [pooled, mixes(at, "answers places counted over the whole batch")];
};

/** A pooling over each whole picture. */
export const globalPooling: Rule = (at) => {
  const value = withoutValues(input(at, 0)!);
  const fault = pictureFault(at, value, at.inputs.slice(1));
  if (fault !== null || value.kind !== "rows") return fault ?? shared(null);
  return withRows(
    value.shape.map((size, axis) => (axis < 2 ? size : one)),
    value.rows,
  );
};

/** Reads pictures at places of a grid, each picture at its own. */
export const samples: Rule = (at) => {
  const [value, grid] = at.inputs;
  if (value?.kind !== "rows" && grid?.kind !== "rows") return shared(null);
  if (value?.kind !== "rows" || grid?.kind !== "rows") return unknown(at, "reads pictures without rows");
  if (value.rows.axis !== 0 || grid.rows.axis !== 0) return mixes(at, ROWS_ELSEWHERE);
  return withRows([...value.shape.slice(0, 2), ...grid.shape.slice(1, -1)], value.rows);
};

/** Pictures of another size; an axis of rows keeps its own. */
export const resize: Rule = (at) => {
  const value = withoutValues(input(at, 0)!);
  if (at.inputs.slice(1).some((parameter) => parameter?.kind === "rows"))
    return mixes(at, "takes sizes from the rows");
  if (value.kind === "tainted" || value.shape === null) return value;
  if (textOf(at, "coordinate_transformation_mode", "") === "tf_crop_and_resize")
    return value.kind === "rows" ? unknown(at, "cuts pictures at places that are inputs") : shared(null);
  const ratio = textOf(at, "keep_aspect_ratio_policy", "stretch");
  if (value.kind === "rows" && ratio !== "stretch") return unknown(at, "keeps the ratio of the sides");
  const axes = (intsOf(at, "axes") ?? [...value.shape.keys()]).map((a) => fromFront(a, value.shape!.length));
  const asked = sizesAsked(at);
  const shape = value.shape.map((size, axis) => {
    const place = axes.indexOf(axis);
    return place < 0 ? size : resizedAxis(at, size, asked, place);
  });
  if (value.kind !== "rows") return shared(shape.includes(null) ? null : (shape as Size[]));
  const row = value.shape[value.rows.axis]!;
  const after = shape[value.rows.axis];
  if (shape.includes(null) || after === undefined) return unknown(at, "has sizes that are not constant");
  const same =
    after !== null && after.coefficient === row.coefficient && after.symbols.join() === row.symbols.join();
  return same ? withRows(shape as Size[], value.rows) : mixes(at, "stretches the axis of the rows");
};

type AskedSizes =
  | { readonly by: "scales"; readonly scales: readonly number[] | null }
  | { readonly by: "sizes"; readonly sizes: readonly Size[] | null };

function sizesAsked(at: TracedNode): AskedSizes {
  if (hasAttribute(at, "scales")) return { by: "scales", scales: floatsOf(at, "scales") };
  const oldScales = at.opType === "Upsample" || at.opset < 11;
  const sizes = oldScales ? null : input(at, 3);
  if (sizes !== null)
    return {
      by: "sizes",
      sizes: sizes.kind === "shared" || sizes.kind === "count" ? (sizes.known?.elements ?? null) : null,
    };
  const scales = knownNumbers(input(at, oldScales ? 1 : 2));
  return { by: "scales", scales };
}

/** Null where it is not known by how much the axis is stretched. */
function resizedAxis(at: TracedNode, size: Size, asked: AskedSizes, place: number): Size | null {
  if (asked.by === "sizes") return asked.sizes?.[place] ?? null;
  const scale = asked.scales?.[place];
  if (scale === undefined) return null;
  if (scale === 1) return size;
  const known = knownSize(size);
  // Products that are not whole are rounded by the engine as it likes.
  return known === null || !Number.isInteger(scale)
    ? at.symbols.of(`scale ${scale}`, [size])
    : sizeOf(known * scale);
}

function pictureFault(at: TracedNode, value: Traced, parameters: readonly (Traced | null)[]): Traced | null {
  if (parameters.some((parameter) => parameter?.kind === "rows"))
    return mixes(at, "takes weights that differ from row to row");
  if (value.kind === "tainted") return value;
  return value.kind === "rows" && value.rows.axis !== 0 ? mixes(at, ROWS_ELSEWHERE) : null;
}

/** Sizes of the pictures' sides after windows were moved over them, as the operator's attributes say. */
function windows(at: TracedNode, sides: readonly Size[], kernel: readonly (number | null)[]): Size[] {
  const stated = intsOf(at, "kernel_shape");
  const [strides, dilations, pads] = [intsOf(at, "strides"), intsOf(at, "dilations"), intsOf(at, "pads")];
  const [extra, asked] = [intsOf(at, "output_padding"), intsOf(at, "output_shape")];
  const mode = `${textOf(at, "auto_pad", "NOTSET")} ${intOf(at, "ceil_mode", 0)}`;
  return sides.map((size, side) => {
    const edge = stated?.[side] ?? kernel[side] ?? null;
    const [stride, dilation] = [strides?.[side] ?? 1, dilations?.[side] ?? 1];
    const pad = (pads?.[side] ?? 0) + (pads?.[side + sides.length] ?? 0);
    if (asked !== null) return sizeOf(asked.at(side - sides.length) ?? 0);
    if (edge === null) return at.symbols.fresh();
    const reach = dilation * (edge - 1) + 1;
    const known = knownSize(size);
    const window = { stride, reach, pad, extra: extra?.[side] ?? 0 };
    const whole = known === null ? null : windowCount(at, known, window);
    if (whole !== null) return sizeOf(whole);
    return at.symbols.of(`${at.opType} ${Object.values(window)} ${mode}`, [size]);
  });
}

function windowCount(
  at: TracedNode,
  size: number,
  o: { readonly stride: number; readonly reach: number; readonly pad: number; readonly extra: number },
): number | null {
  const auto = textOf(at, "auto_pad", "NOTSET");
  if (at.opType === "ConvTranspose")
    return auto === "NOTSET" || auto === "VALID" ? o.stride * (size - 1) + o.extra + o.reach - o.pad : null;
  if (auto === "SAME_UPPER" || auto === "SAME_LOWER") return Math.ceil(size / o.stride);
  // A last window that is not whole may or may not count: what the engine does with it is not followed.
  const steps = (size + o.pad - o.reach) / o.stride;
  if (intOf(at, "ceil_mode", 0) === 1 && !Number.isInteger(steps)) return null;
  return Math.floor(steps) + 1;
}
