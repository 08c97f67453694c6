import { type ArtifactService, DelimitedReader, JOB_ROW_BYTES_MAX, JOB_ROWS_MAX } from "@infaas/api";
import { type ClientOf, Code, ServiceError } from "@infaas/runtime";
import { type ReadQuery, readQuery } from "../../query/query-request";

/** A row of a job's input. */
export interface InputRow {
  /** A QueryRequest. */
  readonly bytes: Uint8Array;
  /** Where the next row begins in the input. */
  readonly end: number;
}

/** A job's input, or the rest of it. */
export interface JobInput {
  readonly artifacts: ClientOf<typeof ArtifactService>;
  readonly digest: string;
  /** Whose the file is; empty: everybody's. */
  readonly tenant: string;
  /** Where the first row begins. */
  readonly offset: number;
  readonly signal: AbortSignal;
}

/** Bytes of the rows of one chunk: more than one row only up to so many. */
export const CHUNK_BYTES_MAX = 8 * 1024 * 1024;

/**
 * The rows of an input in order, as they come; whoever stops to take them ends the download. INVALID_ARGUMENT where no row can
 * be, NOT_FOUND when the file is not there.
 */
export async function* inputRows({
  artifacts,
  digest,
  tenant,
  offset,
  signal,
}: JobInput): AsyncGenerator<InputRow> {
  const reader = new DelimitedReader(JOB_ROW_BYTES_MAX, offset);
  const pieces = artifacts.downloadArtifact({ digest, offset: BigInt(offset), tenant }, { signal });
  for await (const { data } of pieces) {
    const read = reader.push(data);
    if (!read.ok) throw new ServiceError(Code.INVALID_ARGUMENT, `input: ${read.fault}`);
    yield* read.value;
  }
  if (reader.isWithin) throw new ServiceError(Code.INVALID_ARGUMENT, "input ends within a row");
}

/** Takes an input chunk by chunk over one download, until it is closed. */
export class ChunkReader {
  private readonly rows: AsyncGenerator<InputRow>;
  private unread: readonly InputRow[] = [];

  constructor(input: JobInput) {
    this.rows = inputRows(input);
  }

  /** The next rows: at most so many, of at most `CHUNK_BYTES_MAX` together; at least one where there is one. */
  async next(rowsMax: number): Promise<readonly InputRow[]> {
    const chunk: InputRow[] = [];
    let bytes = 0;
    while (chunk.length < rowsMax) {
      const row = this.unread[0] ?? (await this.read());
      if (row === null) break;
      this.unread = this.unread.slice(1);
      bytes += row.bytes.length;
      if (chunk.length > 0 && bytes > CHUNK_BYTES_MAX) {
        this.giveBack([row]);
        break;
      }
      chunk.push(row);
    }
    return chunk;
  }

  /** Rows that were taken last and are to come next again. */
  giveBack(rows: readonly InputRow[]): void {
    this.unread = [...rows, ...this.unread];
  }

  async close(): Promise<void> {
    await this.rows.return(undefined);
  }

  private async read(): Promise<InputRow | null> {
    const next = await this.rows.next();
    return next.done === true ? null : next.value;
  }
}

/** Counts the rows of an input. INVALID_ARGUMENT for the first that can be no row, for none, and for more than a job may have. */
export async function countInput(input: JobInput): Promise<number> {
  let rows = 0;
  for await (const { bytes } of inputRows(input)) {
    rows++;
    if (rows > JOB_ROWS_MAX)
      throw new ServiceError(Code.INVALID_ARGUMENT, `input has more than ${JOB_ROWS_MAX} rows`);
    const read = readRow(bytes);
    if (read instanceof ServiceError)
      throw new ServiceError(read.code, `row ${rows} of the input: ${read.message}`, { cause: read });
  }
  if (rows === 0) throw new ServiceError(Code.INVALID_ARGUMENT, "input has no rows");
  return rows;
}

/** Reads a row; INVALID_ARGUMENT for what is no QueryRequest, or says what its job says. */
export function readRow(bytes: Uint8Array): ReadQuery | ServiceError {
  const read = readQuery(bytes);
  if (read instanceof ServiceError) return read;
  const { target, slo, explain } = read.asked;
  if (target === "" && slo === undefined && !explain) return read.request.fault ?? read;
  const what = target !== "" ? `the target '${target}'` : slo !== undefined ? "requirements" : "explain";
  return new ServiceError(
    Code.INVALID_ARGUMENT,
    `it has ${what}; a row has tensors and an id, the rest is its job's`,
  );
}
