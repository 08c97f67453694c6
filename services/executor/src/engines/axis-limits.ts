/** How large one free axis of an engine's inputs may be. */
export interface AxisLimit {
  readonly name: string;
  /** Where it stands: index into `Engine.inputs`, axis of that input. */
  readonly places: readonly { readonly input: number; readonly axis: number }[];
  /** Size that the model was measured with. */
  readonly measured: number;
  /** Largest size alone, above `measured`. */
  readonly max: number;
  /** Somebody said so: it holds whatever the other axes are. */
  readonly stated: boolean;
}

/** A limit whose places are told by the names of inputs. */
export type NamedAxisLimit = Omit<AxisLimit, "places"> & {
  readonly places: readonly { readonly input: string; readonly axis: number }[];
};

/** Returns limits by the places of inputs; what stands nowhere is left out. */
export function placedLimits(
  limits: readonly NamedAxisLimit[],
  inputs: readonly { readonly name: string }[],
): AxisLimit[] {
  return limits.flatMap((limit) => {
    const places = limit.places.flatMap(({ input, axis }) => {
      const index = inputs.findIndex(({ name }) => name === input);
      return index < 0 ? [] : [{ input: index, axis }];
    });
    return places.length === 0 ? [] : [{ ...limit, places }];
  });
}

/** What axes that grow together may add up to, with room for rounding. */
const WHOLE = 1 + 1e-9;

/**
 * Why inputs of these shapes are not taken, with both numbers; null: they are. An axis may be as large as its limit; axes that
 * nobody stated a limit of share what each may grow by alone, by their logarithms (decision 0042).
 */
export function axisFault(
  limits: readonly AxisLimit[],
  shapes: readonly (readonly number[])[],
): string | null {
  let share = 0;
  for (const limit of limits) {
    const size = sizeOf(limit, shapes);
    if (size > limit.max) return alone(limit, size);
    if (!limit.stated && size > 0) share += growth(limit, size);
  }
  return share <= WHOLE ? null : together(limits, shapes);
}

/** Where the sizes lie among all axes of all inputs in order, and what is allowed: as the add-on's links check it. */
export function nativeLimits(
  limits: readonly AxisLimit[],
  shapes: readonly (readonly number[])[],
): Float64Array {
  const before = shapes.map((_, input) =>
    shapes.slice(0, input).reduce((sum, shape) => sum + shape.length, 0),
  );
  return Float64Array.from(
    limits.flatMap(({ places, measured, max, stated }) => {
      const axes = places.map(({ input, axis }) => (before[input] ?? 0) + axis);
      return [measured, max, stated ? 1 : 0, axes.length, ...axes];
    }),
  );
}

/** Largest where it stands: places that differ are the engine's to refuse. */
function sizeOf({ places }: AxisLimit, shapes: readonly (readonly number[])[]): number {
  return Math.max(0, ...places.map(({ input, axis }) => shapes[input]?.[axis] ?? 0));
}

/** 0 as measured, 1 at its limit. */
function growth({ measured, max }: AxisLimit, size: number): number {
  return Math.log(size / measured) / Math.log(max / measured);
}

function alone({ name, measured, max, stated }: AxisLimit, size: number): string {
  const why = stated ? "as its owner says" : `it was measured with ${measured}`;
  return `axis ${name} has size ${size}, at most ${max} is taken: ${why}`;
}

function together(limits: readonly AxisLimit[], shapes: readonly (readonly number[])[]): string {
  const grown = limits.filter((limit) => !limit.stated && sizeOf(limit, shapes) > limit.measured);
  const sizes = grown.map((limit) => `${limit.name} of ${sizeOf(limit, shapes)}`).join(" and ");
  const allowed = grown
    .map(({ name, measured, max }) => `${name} up to ${max} where the others are as measured, ${measured}`)
    .join("; ");
  return `axes ${sizes} are too large together; taken are ${allowed}`;
}
