import { Presets, SingleBar } from "cli-progress";
import Table from "cli-table3";

/** Where a verb writes: answers to stdout (tables or JSON), progress and notes to stderr. */
export interface Terminal {
  readonly json: boolean;
  print(line: string): void;
  note(line: string): void;
  /** Prints `value` as JSON when asked for JSON, else calls `asText`. */
  result(value: unknown, asText: () => void): void;
  table(head: readonly string[], rows: readonly (readonly string[])[]): void;
  /** A bar on a terminal; plain lines elsewhere. */
  progress(label: string): Progress;
}

/** A progress display until it is ended. */
export interface Progress {
  update(done: number, total: number, message: string): void;
  stop(): void;
}

/** Where the lines of a terminal go; `createTerminal` says what the defaults are. */
export interface TerminalOptions {
  readonly json: boolean;
  readonly out?: { write(text: string): unknown };
  readonly err?: { write(text: string): unknown; readonly isTTY?: boolean };
}

/** Returns a terminal on `out` and `err`; by default this process's stdout and stderr. */
export function createTerminal({
  json,
  out = process.stdout,
  err = process.stderr,
}: TerminalOptions): Terminal {
  const print = (line: string) => void out.write(`${line}\n`);
  const note = (line: string) => void err.write(`${line}\n`);
  return {
    json,
    print,
    note,
    result: (value, asText) => (json ? print(JSON.stringify(value, plainNumbers, 2)) : asText()),
    table(head, rows) {
      const table = new Table({ head: [...head], style: { head: [], border: [] }, chars: rules });
      table.push(...rows.map((row) => [...row]));
      print(table.toString());
    },
    progress: (label) => (err.isTTY === true ? bar(label) : lines(label, note)),
  };
}

/** A JSON replacer: 64-bit integers become numbers, bytes their count. */
function plainNumbers(key: string, value: unknown): unknown {
  if (key.startsWith("$")) return undefined;
  if (typeof value === "bigint") return Number(value);
  return value instanceof Uint8Array ? `${value.length} bytes` : value;
}

function bar(label: string): Progress {
  const format = `${label.padEnd(18)} {bar} {value}/{total} {message}`;
  const single = new SingleBar(
    { format, barsize: 24, hideCursor: true, clearOnComplete: false },
    Presets.shades_classic,
  );
  let started = false;
  return {
    update(done, total, message) {
      if (!started) single.start(total, 0, { message: "" });
      started = true;
      single.setTotal(total);
      single.update(done, { message });
    },
    stop: () => single.stop(),
  };
}

function lines(label: string, note: (line: string) => void): Progress {
  let last = "";
  return {
    update(done, total, message) {
      const line = `${label}: ${done}/${total} ${message}`;
      if (line !== last) note(line);
      last = line;
    },
    stop: () => {},
  };
}

const rules = {
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
  middle: " ",
};
