/**
 * Size of an axis, or a whole number that a graph computes from sizes: a coefficient times symbols, each of which stands for
 * a number that is not known. `ROWS` is the number of rows; every other symbol is the same whatever the number of rows.
 */
export interface Size {
  readonly coefficient: number;
  /** Sorted; a symbol that stands twice is squared. */
  readonly symbols: readonly string[];
}

/** The symbol of the number of rows in a batch. */
export const ROWS = "N";

/** The number of rows in a batch. */
export const rowCount: Size = { coefficient: 1, symbols: [ROWS] };

/** One: the size of an axis that is stretched in broadcasting. */
export const one: Size = { coefficient: 1, symbols: [] };

/** A number that is known. */
export function sizeOf(value: number): Size {
  return { coefficient: value, symbols: [] };
}

/** The number, where it is known. */
export function knownSize({ coefficient, symbols }: Size): number | null {
  return symbols.length === 0 || coefficient === 0 ? coefficient : null;
}

/** Whether the number changes with the number of rows. */
export function countsRows({ symbols, coefficient }: Size): boolean {
  return coefficient !== 0 && symbols.includes(ROWS);
}

export function sameSize(a: Size, b: Size): boolean {
  if (a.coefficient !== b.coefficient || a.symbols.length !== b.symbols.length) return false;
  return a.symbols.every((symbol, i) => symbol === b.symbols[i]);
}

export function isOne(size: Size): boolean {
  return size.coefficient === 1 && size.symbols.length === 0;
}

/** Product of sizes; 1 of none. */
export function product(sizes: readonly Size[]): Size {
  if (sizes.length === 1) return sizes[0]!;
  const coefficient = sizes.reduce((all, size) => all * size.coefficient, 1);
  const symbols = coefficient === 0 ? [] : sizes.flatMap((size) => size.symbols);
  return { coefficient, symbols: symbols.length < 2 ? symbols : symbols.sort() };
}

/** a / b where b divides a whatever its symbols stand for; null otherwise. */
export function quotient(a: Size, b: Size): Size | null {
  const coefficient = a.coefficient / b.coefficient;
  if (!Number.isInteger(coefficient)) return null;
  const symbols = [...a.symbols];
  for (const symbol of b.symbols) {
    const at = symbols.indexOf(symbol);
    if (at < 0) return null;
    symbols.splice(at, 1);
  }
  return { coefficient, symbols };
}

/** For people: `2*N*s3`. */
export function sizeText({ coefficient, symbols }: Size): string {
  if (symbols.length === 0 || coefficient === 0) return String(coefficient);
  return [...(coefficient === 1 ? [] : [String(coefficient)]), ...symbols].join("*");
}

/** What a symbol stands for: a size of an axis, never negative; a whole number; any number. */
type SymbolKind = "size" | "whole" | "real";
const PREFIXES: Readonly<Record<SymbolKind, string>> = { size: "s", whole: "e", real: "r" };

/** Whether the number is never negative: a multiple of sizes. */
export function neverNegative({ coefficient, symbols }: Size): boolean {
  return coefficient >= 0 && symbols.every((symbol) => symbol === ROWS || symbol.startsWith(PREFIXES.size));
}

/** Whether the number is a whole one. */
export function isWhole({ coefficient, symbols }: Size): boolean {
  return Number.isInteger(coefficient) && !symbols.some((symbol) => symbol.startsWith(PREFIXES.real));
}

/** Symbols for numbers that are computed: the same computation over the same numbers has the same symbol. */
export class Symbols {
  private readonly known = new Map<string, Size>();
  private count = 0;

  /** A number that is unlike any other; a size unless told. */
  fresh(kind: SymbolKind = "size"): Size {
    return this.next(kind);
  }

  /** What `computation` makes of numbers that do not count rows; a size unless told. */
  of(computation: string, numbers: readonly Size[], kind: SymbolKind = "size"): Size {
    const key = `${computation}(${numbers.map(sizeText).join(",")})`;
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const made = this.next(kind);
    this.known.set(key, made);
    return made;
  }

  private next(kind: SymbolKind): Size {
    this.count += 1;
    return { coefficient: 1, symbols: [`${PREFIXES[kind]}${this.count}`] };
  }
}
