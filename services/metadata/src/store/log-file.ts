import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { Code, ServiceError } from "@infaas/runtime";

/** Place after the last whole record of a log, with the check that the next one continues. */
export interface LogPlace {
  readonly bytes: number;
  readonly check: Buffer;
}

const LENGTH_BYTES = 4;
const CHECK_BYTES = 8;
/** Check of the length, so that a damaged one is not taken for a record that a crash cut. */
const LENGTH_CHECK_BYTES = 4;
const HEAD_BYTES = LENGTH_BYTES + LENGTH_CHECK_BYTES + CHECK_BYTES;

/** Place of the first record. */
export const LOG_BEGINNING: LogPlace = { bytes: 0, check: Buffer.alloc(CHECK_BYTES) };

/**
 * A file of records: length (uint32, little-endian), its check, check of the payload, payload. A check is the beginning of
 * the SHA-256 of the check before the record and what it is of, so that nothing left over from a failed write continues a log.
 */
export class LogFile {
  /** A write failed: bytes after `place` may be there. */
  private isTailDirty = false;

  private constructor(
    private readonly file: FileHandle,
    private place: LogPlace,
  ) {}

  /** Opens a log to go on at `place`; what follows it is dropped before the next record. */
  static async open(path: string, place: LogPlace): Promise<LogFile> {
    const log = new LogFile(await open(path, place.bytes === 0 ? "w+" : "r+"), place);
    log.isTailDirty = true;
    return log;
  }

  get bytes(): number {
    return this.place.bytes;
  }

  /** Adds a record, which is durable after the next `sync`; one that failed to be written is no part of the log. */
  async write(payload: Buffer): Promise<void> {
    if (this.isTailDirty) await this.file.truncate(this.place.bytes);
    this.isTailDirty = true;
    const check = checkOf(this.place.check, payload);
    const record = Buffer.concat([headOf(this.place.check, payload.length), check, payload]);
    for (let at = 0; at < record.length; ) {
      const { bytesWritten } = await this.file.write(record, at, record.length - at, this.place.bytes + at);
      at += bytesWritten;
    }
    this.isTailDirty = false;
    this.place = { bytes: this.place.bytes + record.length, check };
  }

  async sync(): Promise<void> {
    await this.file.datasync();
  }

  /** Adds a record durably; one that failed to become so is no part of the log. */
  async append(payload: Buffer): Promise<void> {
    const before = this.place;
    try {
      await this.write(payload);
      await this.sync();
    } catch (fault) {
      this.place = before;
      this.isTailDirty = true;
      throw fault;
    }
  }

  async close(): Promise<void> {
    await this.file.close();
  }
}

/**
 * Reads a log: payloads of all whole records, and the place after them. A last record that a crash left half-written is no
 * part of it; null when there is no file.
 * @throws ServiceError DATA_LOSS when anything else is broken.
 */
export function readLog(
  path: string,
): { readonly payloads: readonly Buffer[]; readonly place: LogPlace } | null {
  const bytes = bytesOf(path);
  if (bytes === null) return null;
  const payloads: Buffer[] = [];
  let place = LOG_BEGINNING;
  while (place.bytes < bytes.length) {
    const rest = bytes.subarray(place.bytes);
    const length = rest.length < HEAD_BYTES ? 0 : rest.readUInt32LE(0);
    const head = rest.subarray(0, LENGTH_BYTES + LENGTH_CHECK_BYTES);
    const isHead = head.equals(headOf(place.check, length));
    const payload = rest.subarray(HEAD_BYTES, HEAD_BYTES + length);
    const check = checkOf(place.check, payload);
    if (!isHead || !check.equals(rest.subarray(head.length, HEAD_BYTES))) {
      const isCut = isHead ? rest.length <= HEAD_BYTES + length : isEmpty(rest.subarray(HEAD_BYTES));
      if (!isCut) throw damaged(path, place.bytes, rest.length);
      break;
    }
    payloads.push(payload);
    place = { bytes: place.bytes + HEAD_BYTES + length, check };
  }
  return { payloads, place };
}

/** A crash may leave the room for a record and nothing in it. */
function isEmpty(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}

function damaged(path: string, at: number, rest: number): ServiceError {
  const sentence = `${path} is damaged at byte ${at}, and has ${rest} bytes more; restore it from a backup`;
  return new ServiceError(Code.DATA_LOSS, sentence);
}

function headOf(before: Buffer, payloadBytes: number): Buffer {
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32LE(payloadBytes);
  return Buffer.concat([length, checkOf(before, length).subarray(0, LENGTH_CHECK_BYTES)]);
}

function checkOf(before: Buffer, bytes: Buffer): Buffer {
  return createHash("sha256").update(before).update(bytes).digest().subarray(0, CHECK_BYTES);
}

function bytesOf(path: string): Buffer | null {
  try {
    return readFileSync(path);
  } catch (error) {
    if (typeof error === "object" && error !== null && "code" in error && error.code === "ENOENT")
      return null;
    throw error;
  }
}
