import { countsRows, product, rowCount, type Size, sameSize, sizeOf } from "./size";

/** Which part of an axis belongs to which row: element `(o * N + r) * inner + i` to row r, with o below `outer`, i below `inner`. */
export interface RowAxis {
  readonly axis: number;
  readonly outer: Size;
  readonly inner: Size;
}

/** Why a tensor's rows cannot be told apart, and at which node. */
export interface Cause {
  /** `mixes`: an element depends on several rows or on how many there are. `unknown`: that is not excluded. `random`: it is drawn. */
  readonly verdict: "mixes" | "unknown" | "random";
  readonly opType: string;
  /** The node's name; empty where it has none. */
  readonly node: string;
  /** What it does, as the rest of a sentence that begins with the operator. */
  readonly why: string;
}

/** What is known of one tensor for every number of rows. */
export type Traced =
  /** The same whatever the rows are and however many. `shape` is null where the number of axes is not known. */
  | {
      readonly kind: "shared";
      readonly shape: readonly Size[] | null;
      readonly known: KnownValues | null;
    }
  /** Whole numbers that depend on the number of rows and on nothing else of them. */
  | { readonly kind: "count"; readonly shape: readonly Size[]; readonly known: KnownValues }
  /** Each row has its own part along one axis, which depends on that row of every input and on nothing else of the rows. */
  | { readonly kind: "rows"; readonly shape: readonly Size[]; readonly rows: RowAxis }
  | { readonly kind: "tainted"; readonly cause: Cause };

export type SharedTensor = Extract<Traced, { kind: "shared" }>;
export type CountTensor = Extract<Traced, { kind: "count" }>;
export type RowsTensor = Extract<Traced, { kind: "rows" }>;

/** Elements of a small tensor, row-major; those of booleans are 0 and 1. */
export interface KnownValues {
  readonly elements: readonly Size[];
  /** Whether they are whole numbers by datatype, so that a division of two is one too. */
  readonly integer: boolean;
}

/** Elements of a tensor beyond which they are not followed. */
export const KNOWN_ELEMENTS_MAX = 512;

export function shared(shape: readonly Size[] | null, known: KnownValues | null = null): SharedTensor {
  return { kind: "shared", shape, known };
}

/** A tensor whose elements are followed: `count` where one counts rows, else `shared`. */
export function followed(shape: readonly Size[], known: KnownValues): SharedTensor | CountTensor {
  return known.elements.some(countsRows) ? { kind: "count", shape, known } : { kind: "shared", shape, known };
}

/** A tensor with rows along `axis`; the size of that axis follows from the layout. */
export function withRows(shape: readonly Size[], rows: RowAxis): RowsTensor {
  const size = product([rows.outer, rowCount, rows.inner]);
  return { kind: "rows", shape: shape.map((other, axis) => (axis === rows.axis ? size : other)), rows };
}

/** The same layout on another axis. */
export function moved(rows: RowAxis, axis: number): RowAxis {
  return { ...rows, axis };
}

export function sameLayout(a: RowAxis, b: RowAxis): boolean {
  return sameSize(a.outer, b.outer) && sameSize(a.inner, b.inner);
}

/** Known whole numbers of a tensor; null where one is not known. */
export function knownNumbers(tensor: Traced | null): number[] | null {
  if (tensor?.kind !== "shared" || tensor.known === null) return null;
  const { elements } = tensor.known;
  if (elements.some(({ symbols }) => symbols.length > 0)) return null;
  return elements.map(({ coefficient }) => coefficient);
}

/** Numbers as a list that is followed. */
export function numbers(values: readonly number[], integer = true): KnownValues {
  return { elements: values.map(sizeOf), integer };
}

/** Number of axes; null where it is not known. */
export function rankOf(tensor: Traced): number | null {
  return tensor.kind === "tainted" || tensor.shape === null ? null : tensor.shape.length;
}
