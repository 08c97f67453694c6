import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { median } from "./statistics";
import { root } from "./system";

const ROUNDS_DEFAULT = 5;
/** A number that is no part of a word; thousands may be set apart, and an `x` (a factor) may follow. */
const NUMBER = /(?<![\w.,])-?\d+(?:,\d{3})*(?:\.\d+)?(?!\w(?<!x))/g;

/** One line of a benchmark's report: its words with `□` for each number, and its numbers in order. */
export interface ReportLine {
  readonly words: string;
  readonly numbers: readonly number[];
}

/** One figure of a report in both checkouts: medians over all windows and rounds. */
export interface ComparedFigure {
  /** Words of the line, with the numbers that are the same in every run (sizes, requests in flight). */
  readonly label: string;
  /** Place among the line's numbers. */
  readonly column: number;
  readonly before: number;
  readonly after: number;
}

/**
 * Runs benchmarks of another checkout and of this one in turns and prints medians side by side:
 * `compare OTHER-CHECKOUT NAME... [--rounds 5]`. Both have to be built. A round runs each once; every other
 * round begins with this one, so that a drift of the machine meets both. Rejects when a run fails.
 */
export async function compareCheckouts(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { rounds: { type: "string", default: String(ROUNDS_DEFAULT) } },
    allowPositionals: true,
  });
  const [path, ...names] = positionals;
  if (path === undefined || names.length === 0)
    throw new Error("compare takes the path of another built checkout and names of benchmarks");
  const other = resolve(path);
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new Error(`--rounds is '${values.rounds}', allowed are whole numbers above 0`);
  for (const name of names) {
    const reports = { before: [] as string[], after: [] as string[] };
    for (let round = 0; round < rounds; round++) {
      const turns = [() => run(other, name, reports.before), () => run(root, name, reports.after)];
      for (const turn of round % 2 === 0 ? turns : turns.reverse()) await turn();
      process.stderr.write(`${name}: round ${round + 1} of ${rounds}\n`);
    }
    process.stdout.write(`\n── ${name}: ${other} → ${root}, medians of ${rounds} rounds\n`);
    process.stdout.write(headings(reports.after[0] ?? ""));
    for (const figure of compareReports(reports.before, reports.after)) print(figure);
  }
}

/** Reads the lines of a report that hold numbers; comments (`#`) are not figures. */
export function readReport(report: string): ReportLine[] {
  return report
    .split("\n")
    .filter((line) => !line.startsWith("#"))
    .map((line) => ({
      words: line.replace(NUMBER, "□").trim().split(/\s+/).join(" "),
      numbers: (line.match(NUMBER) ?? []).map((text) => Number(text.replaceAll(",", ""))),
    }))
    .filter(({ numbers }) => numbers.length > 0);
}

/** Returns every figure of the reports of two checkouts; lines that only one of them has are left out. */
export function compareReports(before: readonly string[], after: readonly string[]): ComparedFigure[] {
  const [old, now] = [before.map(readReport), after.map(readReport)];
  const all = [...old, ...now];
  const shapes = new Set(all.flat().map(({ words }) => words));
  return [...shapes].flatMap((words) => {
    const constant = constantColumns(words, all);
    const labels = new Set(linesOf(words, all).map((line) => labelOf(line, constant)));
    return [...labels].flatMap((label) => {
      const [a, b] = [old, now].map((runs) =>
        linesOf(words, runs).filter((line) => labelOf(line, constant) === label),
      );
      if (a === undefined || b === undefined || a.length === 0 || b.length === 0) return [];
      const columns = a[0]?.numbers.map((_, i) => i).filter((i) => !constant.has(i)) ?? [];
      const middle = (lines: readonly ReportLine[], i: number) =>
        median(lines.map(({ numbers }) => numbers[i] ?? Number.NaN));
      return columns.map((column) => ({
        label,
        column,
        before: middle(a, column),
        after: middle(b, column),
      }));
    });
  });
}

/** Columns whose values are the same in every run: they say what was measured, not how it was. */
function constantColumns(words: string, runs: readonly (readonly ReportLine[])[]): ReadonlySet<number> {
  const count = words.split("□").length - 1;
  const valuesOf = (run: readonly ReportLine[], i: number) =>
    [...new Set(linesOf(words, [run]).map(({ numbers }) => numbers[i]))].sort().join();
  const columns = Array.from({ length: count }, (_, i) => i);
  return new Set(columns.filter((i) => new Set(runs.map((run) => valuesOf(run, i))).size === 1));
}

/** Lines of words alone, which name the columns; columns are counted from 0 among the numbers of a line. */
function headings(report: string): string {
  const lines = report.split("\n").filter((line) => /^\w/.test(line) && readReport(line).length === 0);
  return [...new Set(lines)].map((line) => `${line}\n`).join("");
}

function linesOf(words: string, runs: readonly (readonly ReportLine[])[]): ReportLine[] {
  return runs.flat().filter((line) => line.words === words);
}

function labelOf({ words, numbers }: ReportLine, constant: ReadonlySet<number>): string {
  let place = 0;
  return words
    .replace(/□/g, () => {
      const i = place++;
      return constant.has(i) ? String(numbers[i]) : "…";
    })
    .replace(/( …)+$/, "");
}

function print({ label, column, before, after }: ComparedFigure): void {
  const figures = [before, after, after / before].map((figure) => figure.toPrecision(4).padStart(10));
  process.stdout.write(`${label.padEnd(44)} ${String(column).padStart(2)} ${figures.join(" ")}\n`);
}

/** Runs one benchmark of a checkout in a process of its own and keeps its report. */
function run(checkout: string, name: string, reports: string[]): Promise<void> {
  const main = join(checkout, "bench", "dist", "main.js");
  if (!existsSync(main)) throw new Error(`${checkout} is not built: ${main} is missing`);
  const child = spawn(process.execPath, [main, name], {
    cwd: checkout,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let report = "";
  child.stdout.on("data", (chunk: Buffer) => {
    report += chunk.toString();
  });
  return new Promise((done, failed) => {
    child.once("error", failed);
    child.once("close", (status) => {
      reports.push(report);
      if (status === 0) done();
      else failed(new Error(`${name} of ${checkout} ended with status ${status}:\n${report}`));
    });
  });
}
