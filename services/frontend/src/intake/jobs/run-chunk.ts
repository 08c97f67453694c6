import { delimited } from "@infaas/api";
import { Backoff, Code, ServiceError, sleep } from "@infaas/runtime";
import type { IntakeOptions } from "../accept-query";
import { CHUNK_BYTES_MAX, type InputRow, readRow } from "./job-input";
import type { RowGate } from "./row-gate";
import { askRow, failedRow, mayComeAgain, type RowAnswer, type RowTerms } from "./row-query";

/** What a chunk is run with. */
export interface ChunkRun {
  readonly intake: IntakeOptions;
  readonly gate: RowGate;
  readonly terms: RowTerms;
  /** Rows that are refused for want of room are asked again until then, milliseconds since 1970. */
  readonly giveUpEpochMs: number;
  readonly signal: AbortSignal;
}

/** The rows of a chunk that were run, answered: a job's part but for its digest. */
export interface ChunkAnswers {
  /** JobRows, each behind its length. */
  readonly content: Uint8Array;
  readonly rows: number;
  readonly failedRows: number;
  readonly costUsd: number;
  readonly inputEnd: number;
}

/** Pauses of a row that was refused for want of room. */
const ROW_PAUSE_FIRST_MS = 50;
const ROW_PAUSE_MAX_MS = 5_000;

/**
 * Runs rows in order, as many at a time as the gate lets: all of them, or as many as have answers of `CHUNK_BYTES_MAX`. Null once
 * `signal` aborts. Rejects with DEADLINE_EXCEEDED when a row could not be answered before it was time to give up.
 */
export async function runChunk(o: ChunkRun, rows: readonly InputRow[]): Promise<ChunkAnswers | null> {
  const ending = new AbortController();
  const run = { ...o, signal: AbortSignal.any([o.signal, ending.signal]) };
  const lines: Promise<Line | null>[] = [];
  let held = 0;
  let inputEnd = 0;
  for (const { bytes, end } of rows) {
    if (held >= CHUNK_BYTES_MAX || !(await o.gate.take(run.signal))) break;
    inputEnd = end;
    const line = answeredRow(run, bytes);
    lines.push(line);
    line.then(
      (ended) => {
        held += ended?.bytes.length ?? 0;
      },
      (error) => ending.abort(error),
    );
  }
  const settled = await Promise.allSettled(lines);
  const failed = settled.find(({ status }) => status === "rejected");
  if (failed?.status === "rejected") throw failed.reason;
  const ended = settled.flatMap((one) =>
    one.status === "fulfilled" && one.value !== null ? [one.value] : [],
  );
  if (o.signal.aborted || ended.length < lines.length) return null;
  return {
    content: Buffer.concat(ended.map(({ bytes }) => bytes)),
    rows: ended.length,
    failedRows: ended.filter(({ isFailed }) => isFailed).length,
    costUsd: ended.reduce((sum, { costUsd }) => sum + costUsd, 0),
    inputEnd,
  };
}

/** What a row became, behind its length. */
interface Line {
  readonly bytes: Uint8Array;
  readonly isFailed: boolean;
  readonly costUsd: number;
}

/** Asks a row until it has an answer or can have none; the gate has let it go. Null once `signal` aborts. */
async function answeredRow(o: ChunkRun, bytes: Uint8Array): Promise<Line | null> {
  const { intake, gate, signal, terms } = o;
  const backoff = new Backoff({ firstMs: ROW_PAUSE_FIRST_MS, maxMs: ROW_PAUSE_MAX_MS });
  const row = readRow(bytes);
  for (;;) {
    const asked = { row, terms, isRetry: backoff.failures > 0 };
    const outcome = row instanceof ServiceError ? row : await askRow(intake, { ...asked, row }, signal);
    gate.release();
    if (signal.aborted) return null;
    if (!(outcome instanceof ServiceError)) return answerLine(outcome);
    if (!mayComeAgain(outcome)) return { bytes: delimited(failedRow(outcome)), isFailed: true, costUsd: 0 };
    if (intake.clock.epochMs() >= o.giveUpEpochMs) throw gaveUp(outcome);
    await sleep(intake.clock, backoff.failed(), signal);
    if (!(await gate.take(signal))) return null;
  }
}

function answerLine({ bytes, costUsd }: RowAnswer): Line {
  return { bytes: delimited(bytes), isFailed: false, costUsd };
}

function gaveUp(last: ServiceError): ServiceError {
  const sentence = `its time was up before every row had an answer; the last refusal: ${last.message}`;
  return new ServiceError(Code.DEADLINE_EXCEEDED, sentence, { cause: last });
}
