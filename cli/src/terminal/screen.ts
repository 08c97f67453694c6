import { styleText } from "node:util";

/** Where a report is read. */
export interface Screen {
  /** Characters of a line; infinite where nobody's terminal wraps it. */
  readonly width: number;
  readonly colour: boolean;
}

/** Styles of a report; which colour each has is said here alone. */
export type Style = "head" | "good" | "bad" | "warning" | "faint";

const formats = {
  head: "bold",
  good: "green",
  bad: "red",
  warning: "yellow",
  faint: "dim",
} as const;

/** Returns the text in a style where the screen has colours, else the text. */
export function paint({ colour }: Pick<Screen, "colour">, style: Style, text: string): string {
  // Whether there are colours was decided when the screen was read.
  return colour && text !== "" ? styleText(formats[style], text, { validateStream: false }) : text;
}

/** What is asked of a stream about its screen. */
export interface ScreenStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  hasColors?(env: NodeJS.ProcessEnv): boolean;
}

/** Characters of a line of a terminal that does not tell. */
const WIDTH_UNTOLD = 80;

/**
 * Returns the screen behind a stream. Its width is that of COLUMNS where that is exported, else of the terminal; what is no terminal
 * has none. Colours are where a terminal has them and NO_COLOR is not set.
 */
export function screenOf(stream: ScreenStream, env: NodeJS.ProcessEnv): Screen {
  const isTerminal = stream.isTTY === true;
  const told = widthOf(env.COLUMNS) ?? widthOf(stream.columns);
  return {
    width: told ?? (isTerminal ? WIDTH_UNTOLD : Number.POSITIVE_INFINITY),
    colour: isTerminal && stream.hasColors?.(env) === true,
  };
}

function widthOf(told: string | number | undefined): number | null {
  const width = Number(told);
  return Number.isInteger(width) && width > 0 ? width : null;
}
