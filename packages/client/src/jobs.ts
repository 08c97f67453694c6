import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  DelimitedReader,
  delimited,
  type JobPart,
  JobRowSchema,
  JobService,
  type JobStatus,
  QueryRequestSchema,
  type WatchJobResponse,
} from "@infaas/api";
import type { ArtifactClient } from "@infaas/cluster";
import {
  Backoff,
  Code,
  codeFrom,
  createRpcClient,
  type DialSecurity,
  ServiceError,
  sleep,
  systemClock,
} from "@infaas/runtime";
import { type Answer, answerOf } from "./answer";
import { type Requirements, sloOf } from "./requirements";
import type { Tensor } from "./tensor";

/** A row of a job: what one query would bring. */
export interface JobInputRow {
  /** Comes back with its answer. Default: empty. */
  readonly id?: string;
  readonly inputs: readonly Tensor[];
}

/** Rows to be answered while online queries leave room. */
export interface JobSubmission {
  /** A task, an architecture or a variant. */
  readonly target: string;
  readonly rows: Iterable<JobInputRow> | AsyncIterable<JobInputRow>;
  /** Of each row; a job has no latency objective. */
  readonly needs?: Omit<Requirements, "latencyMs">;
  /** Milliseconds since 1970; default: none. */
  readonly deadlineEpochMs?: number;
  /** Default: one is made. The same job under the same name again is no second one. */
  readonly name?: string;
}

/** What became of a row: its answer, or why there is none. */
export type JobLine =
  | { readonly kind: "answer"; readonly answer: Answer }
  | { readonly kind: "failure"; readonly code: Code; readonly message: string };

/** Offline queries at one frontend. */
export interface JobClient {
  /** Uploads the rows and starts the job. FAILED_PRECONDITION for a deadline that cannot be met, with the time that could be. */
  submit(job: JobSubmission): Promise<JobStatus>;
  /**
   * How the job stands, now and after each change, until it has ended; each message has the parts that are new after the first
   * `fromPart` (default 0). A frontend that is away is asked again for a minute.
   */
  watch(name: string, fromPart?: number): AsyncIterable<WatchJobResponse>;
  /** The lines of a part, a row each, in order. */
  lines(part: Pick<JobPart, "digest">): Promise<readonly JobLine[]>;
  /** The caller's jobs, the newest first. */
  list(): Promise<readonly JobStatus[]>;
  /** Ends a job; what was answered stays. */
  cancel(name: string): Promise<JobStatus>;
  close(): void;
}

/** The frontend reads all of an input before it answers. */
const SUBMIT_TIMEOUT_MS = 5 * 60_000;
const CALL_TIMEOUT_MS = 30_000;
/** How long a frontend may be away in the middle. */
const AWAY_MAX_MS = 60_000;
const AWAY_PAUSE_FIRST_MS = 100;
const AWAY_PAUSE_MAX_MS = 2_000;
/** Bytes of an answer's line, which is a message of gRPC where the row is asked by itself. */
const LINE_BYTES_MAX = 64 * 1024 * 1024;

/** Opens the offline queries of the frontend at `address`; files go by `files`. */
export function openJobClient(address: string, dial: DialSecurity, files: ArtifactClient): JobClient {
  const service = createRpcClient(JobService, address, { defaultTimeoutMs: CALL_TIMEOUT_MS, dial });
  return {
    async submit({ target, rows, needs = {}, deadlineEpochMs = 0, name = "" }) {
      const inputDigest = await uploadRows(files, rows);
      const asked = { name, target, slo: sloOf(needs), inputDigest, deadlineEpochMs };
      return given((await service.submitJob(asked, { timeoutMs: SUBMIT_TIMEOUT_MS })).status);
    },
    watch: (name, fromPart = 0) => watched((from) => service.watchJob({ name, fromPart: from }), fromPart),
    lines: ({ digest }) => whileAway(() => linesOf(files.download(digest, 0))),
    list: async () => (await service.listJobs({})).jobs,
    cancel: async (name) => given((await service.cancelJob({ name })).status),
    close: () => service.close(),
  };
}

/** Rows are written to a file first: an upload says its digest before its bytes. */
async function uploadRows(files: ArtifactClient, rows: JobSubmission["rows"]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "infaas-job-"));
  try {
    const path = join(folder, "input");
    await pipeline(writtenRows(rows), createWriteStream(path));
    return await files.uploadFile(path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function* writtenRows(rows: JobSubmission["rows"]): AsyncGenerator<Uint8Array> {
  for await (const { id = "", inputs } of rows) {
    const request = create(QueryRequestSchema, {
      id,
      inputs: inputs.map(({ name, datatype, shape }) => ({ name, datatype, shape: shape.map(BigInt) })),
      rawInputContents: inputs.map(({ bytes }) => bytes),
    });
    yield delimited(toBinary(QueryRequestSchema, request));
  }
}

/** Watches anew, from the parts that came, where the frontend was lost; it may be another life of it. */
async function* watched(
  watch: (fromPart: number) => AsyncIterable<WatchJobResponse>,
  fromPart: number,
): AsyncGenerator<WatchJobResponse> {
  let from = fromPart;
  let away = new Away();
  for (;;) {
    try {
      for await (const message of watch(from)) {
        away = new Away();
        from += message.parts.length;
        yield message;
      }
      return;
    } catch (error) {
      await away.pause(error);
    }
  }
}

/** Does it, and again while the frontend is away. */
async function whileAway<T>(act: () => Promise<T>): Promise<T> {
  const away = new Away();
  for (;;) {
    try {
      return await act();
    } catch (error) {
      await away.pause(error);
    }
  }
}

/** A frontend that may be away, for `AWAY_MAX_MS` from now. */
class Away {
  private readonly untilMs = systemClock.nowMs() + AWAY_MAX_MS;
  private readonly backoff = new Backoff({ firstMs: AWAY_PAUSE_FIRST_MS, maxMs: AWAY_PAUSE_MAX_MS });

  /** Waits until it is worth asking again; throws what it was told where it is not. */
  async pause(error: unknown): Promise<void> {
    const { code } = ServiceError.from(error);
    if (code !== Code.UNAVAILABLE || systemClock.nowMs() >= this.untilMs) throw error;
    await sleep(systemClock, this.backoff.failed());
  }
}

async function linesOf(content: AsyncIterable<Uint8Array>): Promise<readonly JobLine[]> {
  const lines: JobLine[] = [];
  const reader = new DelimitedReader(LINE_BYTES_MAX);
  for await (const chunk of content) {
    const read = reader.push(chunk);
    if (!read.ok) throw new ServiceError(Code.DATA_LOSS, `a part cannot be read: ${read.fault}`);
    for (const { bytes } of read.value) lines.push(lineOf(bytes));
  }
  return lines;
}

function lineOf(bytes: Uint8Array): JobLine {
  const { outcome } = fromBinary(JobRowSchema, bytes);
  if (outcome.case === "answer") return { kind: "answer", answer: answerOf(outcome.value) };
  if (outcome.case === "failure") {
    const { code, message } = outcome.value;
    return { kind: "failure", code: codeFrom(code), message };
  }
  throw new ServiceError(Code.DATA_LOSS, "a line of a part is neither an answer nor a failure");
}

function given(status: JobStatus | undefined): JobStatus {
  if (status !== undefined) return status;
  throw new ServiceError(Code.INTERNAL, "the frontend answered without the job: this is a bug");
}
