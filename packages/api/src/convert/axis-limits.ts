import type { AxisLimit } from "../gen/infaas/v1/types_pb";

/** Names that a free axis goes by: its own, and `input.axis` for each place where it stands. */
export function axisNames({ name, places }: Pick<AxisLimit, "name" | "places">): readonly string[] {
  return [name, ...places.map(({ input, axis }) => `${input}.${axis}`)];
}

/** Limits with those that somebody stated, by name; names of no axis are left out. */
export function withStatedLimits(
  limits: readonly AxisLimit[],
  stated: Readonly<Record<string, bigint>>,
): AxisLimit[] {
  return limits.map((limit) => {
    const name = axisNames(limit).find((known) => stated[known] !== undefined);
    return name === undefined ? limit : { ...limit, max: stated[name]!, stated: true };
  });
}
