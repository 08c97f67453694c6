import Table from "cli-table3";
import stringWidth from "string-width";
import { paint, type Screen } from "./screen";

/** One column of a table. */
export interface Column {
  /** With the unit of its figures. */
  readonly head: string;
  /** Which columns go where a line is too narrow: those of the highest rank first, of 0 (the default) none. */
  readonly rank?: number;
  /** Sentences, which may stand on several lines, and below their row where it is too narrow for them. */
  readonly prose?: boolean;
  /** Figures, which stand to the right. */
  readonly figures?: boolean;
}

/** Characters between two columns. */
const GAP = "  ";
/** Fewest characters that sentences are wrapped to beside other columns. */
const PROSE_MIN = 28;
/** What stands before sentences below their row. */
const INDENT = "    ";

/**
 * Returns a table that fits the screen. Where it is too narrow sentences are wrapped, then put below their rows, then columns are left
 * out by rank, and a last line says which. One whose columns of rank 0 are too wide is wider than the screen.
 */
export function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  screen: Screen,
): readonly string[] {
  const all = columns.map((column, index) => measured(column, rows, index));
  const { beside, below, missing } = fitted(all, screen.width);
  const heads = new Map(beside.map(({ head, index }) => [index, paint(screen, "head", head)]));
  return [
    ...(columns.every(({ head }) => head === "") ? [] : drawn(beside, (index) => heads.get(index) ?? "")),
    ...rows.flatMap((row) => [
      ...drawn(beside, (index) => row[index] ?? ""),
      ...sentences(below, row, screen),
    ]),
    ...noteOf(missing, screen),
  ];
}

/** Returns a text as lines of whole words, no longer than `width` or than its longest word. */
export function textLines(text: string, width: number): readonly string[] {
  if (stringWidth(text) <= width) return [text];
  const table = new Table({
    ...plain,
    colWidths: [Math.max(width, longest(text.split(/\s+/)))],
    wordWrap: true,
  });
  table.push([text]);
  return linesOf(table);
}

/** A column, and how many characters it has. */
interface Measured extends Required<Column> {
  readonly index: number;
  readonly natural: number;
  /** What it needs at the least. */
  readonly least: number;
}

function measured(
  { head, rank = 0, prose = false, figures = false }: Column,
  rows: readonly (readonly string[])[],
  index: number,
): Measured {
  const cells = [head, ...rows.map((row) => row[index] ?? "")];
  const natural = longest(cells);
  const word = prose ? longest(cells.flatMap((cell) => cell.split(/\s+/))) : natural;
  const least = Math.min(natural, Math.max(PROSE_MIN, word));
  return { head, rank, prose, figures, index, natural, least: prose ? least : natural };
}

function longest(texts: readonly string[]): number {
  return texts.reduce((most, text) => Math.max(most, stringWidth(text)), 0);
}

/** Which columns stand in a row, which below it, and which nowhere. */
interface Fitted {
  readonly beside: readonly Measured[];
  readonly below: readonly Measured[];
  readonly missing: readonly Measured[];
}

function fitted(all: readonly Measured[], width: number): Fitted {
  if (needed(all) <= width) return { beside: widened(all, width), below: [], missing: [] };
  const isBelow = ({ prose, rank }: Measured) => prose && rank === 0;
  const below = all.filter(isBelow);
  let beside = all.filter((column) => !isBelow(column));
  while (needed(beside) > width) {
    const rank = Math.max(...beside.map((column) => column.rank));
    if (rank === 0) break;
    const last = beside.findLastIndex((column) => column.rank === rank);
    beside = beside.filter((_, index) => index !== last);
  }
  const missing = all.filter((column) => !beside.includes(column) && !below.includes(column));
  return { beside: widened(beside, width), below, missing };
}

function needed(columns: readonly Measured[]): number {
  return columns.reduce((sum, { least }) => sum + least, GAP.length * (columns.length - 1));
}

/** Gives columns what is left of a line, from left to right. */
function widened(columns: readonly Measured[], width: number): readonly Measured[] {
  let spare = Math.max(0, width - needed(columns));
  return columns.map((column) => {
    const more = Math.min(spare, column.natural - column.least);
    spare -= more;
    return { ...column, least: column.least + more };
  });
}

/** The sentences below one row; of several columns each begins with its head. */
function sentences(below: readonly Measured[], row: readonly string[], { width }: Screen): readonly string[] {
  return below.flatMap(({ head, index }) => {
    const cell = row[index] ?? "";
    if (cell === "") return [];
    const text = below.length === 1 ? cell : `${head}: ${cell}`;
    return textLines(text, width - INDENT.length).map((line) => `${INDENT}${line}`);
  });
}

/** The line that says what is not shown. */
function noteOf(missing: readonly Measured[], screen: Screen): readonly string[] {
  if (missing.length === 0) return [];
  const heads = missing.map(({ head }) => head).join(", ");
  const sentence = `not shown: ${heads}; a wider terminal or --json shows them`;
  return textLines(sentence, screen.width).map((line) => paint(screen, "faint", line));
}

/** One row; a cell by the index of its column. */
function drawn(columns: readonly Measured[], cellOf: (index: number) => string): readonly string[] {
  const table = new Table({
    ...plain,
    colWidths: columns.map(({ least }) => least),
    colAligns: columns.map(({ figures }) => (figures ? "right" : "left")),
    wordWrap: true,
  });
  table.push(columns.map(({ index }) => cellOf(index)));
  return linesOf(table);
}

function linesOf(table: { toString(): string }): string[] {
  return table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd());
}

/** No lines but those of the text. */
const plain = {
  style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  chars: {
    top: "",
    "top-mid": "",
    "top-left": "",
    "top-right": "",
    bottom: "",
    "bottom-mid": "",
    "bottom-left": "",
    "bottom-right": "",
    left: "",
    "left-mid": "",
    mid: "",
    "mid-mid": "",
    right: "",
    "right-mid": "",
    middle: GAP,
  },
};
