import { closeSync, fsyncSync, openSync, renameSync, writeSync } from "node:fs";
import { type JobLine, numbersOf, type Tensor, textsOf } from "@infaas/client";
import { Code, codeName, ServiceError } from "@infaas/runtime";
import { pathFault } from "./named-file";

/** A file of answers in NDJSON, a line a row in the order of the input. It has its name once it is whole; until then `.part` follows. */
export class AnswerFile {
  private readonly file: number;
  private rows = 0;

  /**
   * `labels` are the task's: with some, an answer has the one of its largest first output.
   * @throws ServiceError INVALID_ARGUMENT for a path that cannot be written.
   */
  constructor(
    private readonly path: string,
    private readonly labels: readonly string[],
  ) {
    try {
      this.file = openSync(this.partPath, "w");
    } catch (cause) {
      const why = pathFault(path, cause) ?? (cause as Error).message;
      throw new ServiceError(Code.INVALID_ARGUMENT, `--output: ${path} cannot be written: ${why}`, { cause });
    }
  }

  write(lines: readonly JobLine[]): void {
    const text = lines.map((line) => `${JSON.stringify(lineOf(line, ++this.rows, this.labels))}\n`).join("");
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; ) at += writeSync(this.file, bytes, at);
  }

  /** Gives the file its name: it is whole. */
  finish(): void {
    fsyncSync(this.file);
    closeSync(this.file);
    renameSync(this.partPath, this.path);
  }

  private get partPath(): string {
    return `${this.path}.part`;
  }
}

function lineOf(line: JobLine, row: number, labels: readonly string[]) {
  if (line.kind === "failure") {
    const { code, message } = line;
    return { row, error: { code: codeName(code), message } };
  }
  const { id, outputs, receipt } = line.answer;
  const { variant, executor, costUsd, downgraded } = receipt;
  return {
    row,
    ...(id === "" ? {} : { id }),
    variant,
    executor,
    costUsd,
    ...(downgraded ? { downgraded } : {}),
    ...labelOf(outputs, labels),
    outputs: outputs.map(outputOf),
  };
}

/** The label of a row that is one by itself; a request of several rows has several, which its outputs tell. */
function labelOf([first]: readonly Tensor[], labels: readonly string[]): { readonly label?: string } {
  if (first === undefined || first.datatype === "BYTES") return {};
  const scores = numbersOf(first);
  if (labels.length === 0 || scores.length !== labels.length) return {};
  return { label: labels[scores.indexOf(Math.max(...scores))] ?? "" };
}

function outputOf(output: Tensor) {
  const { name, datatype, shape } = output;
  return { name, datatype, shape, data: datatype === "BYTES" ? textsOf(output) : numbersOf(output) };
}
