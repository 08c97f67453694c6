import { Presets, SingleBar } from "cli-progress";
import { jsonText } from "./json-text";
import { type Screen, type ScreenStream, screenOf } from "./screen";

/** Where a verb writes: answers to stdout (reports or JSON), progress and notes to stderr. */
export interface Terminal {
  readonly json: boolean;
  /** Where answers are read. */
  readonly screen: Screen;
  /** Where notes are read. */
  readonly noteScreen: Screen;
  print(line: string): void;
  note(line: string): void;
  /** Prints `value` as JSON when asked for JSON, else the lines of `report`. */
  result(value: unknown, report: (screen: Screen) => readonly string[]): void;
  /** A bar on a terminal; plain lines elsewhere. */
  progress(label: string): Progress;
}

/** A progress display until it is ended. */
export interface Progress {
  update(done: number, total: number, message: string): void;
  /** Ends the display; what has succeeded is shown as done. */
  end(succeeded: boolean): void;
}

/** A stream that a terminal writes to. */
interface Sink extends ScreenStream {
  write(text: string): unknown;
}

/** Where the lines of a terminal go; `createTerminal` says what the defaults are. */
export interface TerminalOptions {
  readonly json: boolean;
  readonly out?: Sink;
  readonly err?: Sink;
  /** Says how wide and whether in colour, see `screenOf`. Default: that of this process. */
  readonly env?: NodeJS.ProcessEnv;
}

/** Returns a terminal on `out` and `err`; by default this process's stdout and stderr. */
export function createTerminal({
  json,
  out = process.stdout,
  err = process.stderr,
  env = process.env,
}: TerminalOptions): Terminal {
  const print = (line: string) => void out.write(`${line}\n`);
  const note = (line: string) => void err.write(`${line}\n`);
  const screen = screenOf(out, env);
  return {
    json,
    screen,
    noteScreen: screenOf(err, env),
    print,
    note,
    result(value, report) {
      if (json) print(jsonText(value));
      else for (const line of report(screen)) print(line);
    },
    progress: (label) => (err.isTTY === true ? bar(label, err) : lines(label, note)),
  };
}

/** Characters of a bar, and of the label before it. */
const BAR_WIDTH = 24;
const LABEL_WIDTH = 18;

/** A bar on one line of the terminal, cut to its width. The cursor stays visible: nothing is to be undone when the process is killed. */
function bar(label: string, err: Sink): Progress {
  const single = new SingleBar(
    {
      format: `${label.padEnd(LABEL_WIDTH)} {bar} {value}/{total} {message}`,
      barsize: BAR_WIDTH,
      hideCursor: false,
      linewrap: true,
      stream: err as NodeJS.WritableStream,
    },
    Presets.shades_classic,
  );
  let known: number | null = null;
  return {
    update(done, total, message) {
      if (known === null) single.start(total, 0, { message: "" });
      known = total;
      single.setTotal(total);
      single.update(done, { message });
    },
    end(succeeded) {
      if (succeeded && known !== null) single.update(known, { message: "done" });
      single.stop();
    },
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
    end: () => {},
  };
}
