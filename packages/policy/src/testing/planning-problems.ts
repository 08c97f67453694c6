import fc from "fast-check";
import type { PlanClass, PlanColumn, PlanHost, PlanningProblem } from "../planning/problem";

/** What a test says of a column; the rest is filled in. */
export function column(over: Partial<PlanColumn> & { readonly variant: string }): PlanColumn {
  return {
    hostType: "small",
    hostSecondsPerRow: 0.01,
    shareMax: 1,
    memoryBytes: 1,
    loadMs: 1_000,
    penaltyUsdPerRow: 0,
    ...over,
  };
}

/** A class of 50 rows per second unless another rate is given. */
export function planClass(
  key: string,
  columns: readonly PlanColumn[],
  over: Partial<PlanClass> = {},
): PlanClass {
  return { key, rowsPerSecond: 50, weight: 1, columns, ...over };
}

/** A host with room for ten variants that costs a dollar an hour from now on. */
export function planHost(name: string, over: Partial<PlanHost> = {}): PlanHost {
  return {
    name,
    hostType: "small",
    memoryBytes: 10,
    usdPerHour: 1,
    addedUsdPerHour: 1,
    placed: new Set(),
    kept: new Set(),
    ...over,
  };
}

/** A problem of these classes and hosts, to stand for a minute. */
export function problem(
  classes: readonly PlanClass[],
  hosts: readonly PlanHost[],
  over: Partial<PlanningProblem> = {},
): PlanningProblem {
  return { classes, hosts, dwellSeconds: 60, maxUsdPerHour: null, ...over };
}

const anyColumn = fc.record({
  variant: fc.constantFrom("a", "b", "c"),
  hostSecondsPerRow: fc.constantFrom(0.002, 0.005, 0.01, 0.03),
  penaltyUsdPerRow: fc.constantFrom(0, 0, 1e-6, 1e-5),
});

/** What a variant takes on each type of host is the same for all classes. */
const anyVariants = fc.record({
  memoryBytes: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 3, maxLength: 3 }),
  loadMs: fc.constantFrom(100, 5_000, 60_000),
});

const anyHost = fc.record({
  placed: fc.uniqueArray(fc.constantFrom("a", "b", "c")).map((names): ReadonlySet<string> => new Set(names)),
  addedUsdPerHour: fc.constantFrom(0, 1, 1, 1.2),
  memoryBytes: fc.integer({ min: 2, max: 7 }),
});

/** Up to three classes with up to two columns of three variants, on up to three hosts of one type. */
export const anyProblem: fc.Arbitrary<PlanningProblem> = fc
  .record({
    variants: anyVariants,
    classes: fc.array(
      fc.record({
        rowsPerSecond: fc.constantFrom(0.1, 10, 40, 70, 150),
        columns: fc.uniqueArray(anyColumn, { minLength: 1, maxLength: 2, selector: (c) => c.variant }),
      }),
      { minLength: 1, maxLength: 3 },
    ),
    hosts: fc.array(anyHost, { minLength: 1, maxLength: 3 }),
    maxUsdPerHour: fc.constantFrom(null, null, 1, 2),
  })
  .map(({ variants, classes, hosts, maxUsdPerHour }) =>
    problem(
      classes.map(({ rowsPerSecond, columns }, c) =>
        planClass(
          `class ${c}`,
          columns.map((one) => {
            const memoryBytes = variants.memoryBytes["abc".indexOf(one.variant)] ?? 1;
            return column({ ...one, memoryBytes, loadMs: variants.loadMs });
          }),
          { rowsPerSecond },
        ),
      ),
      hosts.map((host, h) => planHost(`host-${h}`, host)),
      { maxUsdPerHour },
    ),
  );
