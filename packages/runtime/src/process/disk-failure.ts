import { statfsSync } from "node:fs";
import { constants } from "node:os";
import { Code, ServiceError } from "../errors";

/** Errors of a disk, or of a user's part of it, that is full. */
const FULL: readonly string[] = ["ENOSPC", "EDQUOT"];
/** Errors of a disk that does not do what it should. */
const BROKEN: readonly string[] = ["EIO", "EROFS"];

/** Whether a write failed because its disk is full. */
export function isDiskFull(cause: unknown): boolean {
  return FULL.includes(errorName(cause));
}

/**
 * Returns the failure of what had to write below `folder`: RESOURCE_EXHAUSTED, with the bytes that are free, where the disk
 * is full; UNAVAILABLE where it fails; a ServiceError as it is, and INTERNAL for all else.
 * @param what Subject of the sentence; with the bytes that were to be written where they are known.
 */
export function diskFailure(what: string, cause: unknown, folder: string): ServiceError {
  if (cause instanceof ServiceError) return cause;
  const name = errorName(cause);
  if (FULL.includes(name)) {
    const sentence = `${what} found its disk full (${name}); ${diskFreeBytes(folder) ?? "an unknown number of"} bytes are free`;
    return new ServiceError(Code.RESOURCE_EXHAUSTED, sentence, { cause });
  }
  if (BROKEN.includes(name))
    return new ServiceError(Code.UNAVAILABLE, `${what} failed: its disk says ${name}`, { cause });
  return ServiceError.from(cause);
}

/** Name of a system error; libraries in C give its number. */
function errorName(cause: unknown): string {
  const { code } = (cause ?? {}) as { code?: unknown };
  if (typeof code === "string") return code;
  const found = Object.entries(constants.errno).find(([, number]) => number === code);
  return found?.[0] ?? "";
}

/** Bytes that the disk of a folder has free; null where it does not say. */
export function diskFreeBytes(folder: string): number | null {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return null;
  }
}
