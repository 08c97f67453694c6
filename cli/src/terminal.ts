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

/** Returns a terminal on this process's stdout and stderr. */
export function createTerminal(json: boolean): Terminal {
  const print = (line: string) => void process.stdout.write(`${line}\n`);
  return {
    json,
    print,
    note: (line) => void process.stderr.write(`${line}\n`),
    result: (value, asText) => (json ? print(JSON.stringify(value, plainNumbers, 2)) : asText()),
    table(head, rows) {
      const table = new Table({ head: [...head], style: { head: [], border: [] }, chars: rules });
      table.push(...rows.map((row) => [...row]));
      print(table.toString());
    },
    progress: (label) => (process.stderr.isTTY ? bar(label) : lines(label)),
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

function lines(label: string): Progress {
  let last = "";
  return {
    update(done, total, message) {
      const line = `${label}: ${done}/${total} ${message}`;
      if (line !== last) process.stderr.write(`${line}\n`);
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
