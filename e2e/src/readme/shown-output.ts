/** What stays the same of a line of output on every machine. */
interface Shape {
  /** Words from its beginning up to the first with a figure or a quote in it. */
  readonly words: readonly string[];
  /** Fields of JSON. */
  readonly fields: readonly string[];
  /** Columns, which two spaces part; null where the page cuts the line off. */
  readonly columns: number | null;
}

const CUT = "…";

/**
 * Returns the lines that a page shows and that nothing printed has the shape of, in the page's order. Figures may differ; a line
 * of `…` stands for any lines.
 */
export function missingLines(shown: readonly string[], printed: string): readonly string[] {
  const lines = printed.split("\n").map(shapeOf);
  let at = 0;
  return shown.filter((line) => {
    if (line.trim() === CUT || line.trim() === "") return false;
    const found = lines.findIndex((shape, index) => index >= at && fits(shapeOf(line), shape));
    if (found >= 0) at = found + 1;
    return found < 0;
  });
}

function shapeOf(line: string): Shape {
  const text = line.trim();
  const words = text.split(/\s+/);
  const figure = words.findIndex((word) => /[\d"'{[…]/.test(word));
  return {
    words: figure < 0 ? words : words.slice(0, figure),
    fields: [...text.matchAll(/"(\w+)":/g)].map(([, field = ""]) => field),
    columns: text.endsWith(CUT) ? null : text.split(/ {2,}/).length,
  };
}

function fits(shown: Shape, printed: Shape): boolean {
  const isFilled =
    printed.columns !== null && printed.words.length + printed.fields.length + printed.columns > 0;
  return (
    isFilled &&
    shown.words.every((word, i) => printed.words[i] === word) &&
    shown.fields.every((field) => printed.fields.includes(field)) &&
    (shown.columns === null || shown.columns === printed.columns)
  );
}
