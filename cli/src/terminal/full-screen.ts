/** A key that a full-screen view knows. */
export type Key = "quit" | "up" | "down" | "page-up" | "page-down" | "first";

const keys: ReadonlyMap<string, Key> = new Map(
  Object.entries({
    q: "quit",
    "\u0003": "quit",
    "\u001b": "quit",
    "\u001b[A": "up",
    k: "up",
    "\u001b[B": "down",
    j: "down",
    "\u001b[5~": "page-up",
    "\u001b[6~": "page-down",
    " ": "page-down",
    "\u001b[H": "first",
  } satisfies Record<string, Key>),
);

/** The key that a terminal sent; null: one that means nothing. */
export function keyOf(sent: string): Key | null {
  return keys.get(sent) ?? null;
}

/** Where keys come from: a terminal. */
export interface KeySource {
  setRawMode(raw: boolean): unknown;
  resume(): unknown;
  pause(): unknown;
  on(event: "data", listener: (sent: Buffer) => void): unknown;
  removeListener(event: "data", listener: (sent: Buffer) => void): unknown;
}

/** Where a view is drawn: a terminal. */
export interface Canvas {
  write(text: string): unknown;
}

const ENTER = "\u001b[?1049h\u001b[?25l";
const LEAVE = "\u001b[?25h\u001b[?1049l";
const HOME = "\u001b[H";
const CLEAR_LINE = "\u001b[K";
const CLEAR_BELOW = "\u001b[J";

/**
 * A view that has the whole terminal: its alternate screen, no cursor, and each key as it is pressed. The terminal is as it was before
 * after `close`, which the end of the process calls too.
 */
export class FullScreen {
  private isOpen = true;
  private readonly hear: (sent: Buffer) => void;
  private readonly restore = () => this.close();

  constructor(
    private readonly input: KeySource,
    private readonly canvas: Canvas,
    onKey: (key: Key) => void,
  ) {
    this.hear = (sent) => {
      const key = keyOf(sent.toString());
      if (key !== null) onKey(key);
    };
    process.once("exit", this.restore);
    input.setRawMode(true);
    input.on("data", this.hear);
    input.resume();
    canvas.write(ENTER);
  }

  /** Draws lines over what is there. */
  draw(lines: readonly string[]): void {
    const text = lines.map((line) => `${line}${CLEAR_LINE}`).join("\r\n");
    if (this.isOpen) this.canvas.write(`${HOME}${text}${CLEAR_BELOW}`);
  }

  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    process.removeListener("exit", this.restore);
    this.canvas.write(LEAVE);
    this.input.removeListener("data", this.hear);
    this.input.setRawMode(false);
    this.input.pause();
  }
}
