import { type FileHandle, open, rm } from "node:fs/promises";
import { Code, ServiceError } from "@infaas/runtime";

/** One piece of an upload; every piece but the first may leave out digest, total and tenant. */
export interface ArtifactPiece {
  /** Whose the file is to be; empty or absent: everybody's. */
  readonly tenant?: string;
  readonly digest: string;
  readonly totalBytes: bigint;
  readonly offset: bigint;
  readonly data: Uint8Array;
}

/** One upload as it is received. */
export interface UploadTarget {
  /** File that is appended to. */
  readonly part: string;
  readonly totalBytes: number;
  /** Called before each piece is written; what it throws ends the upload. */
  readonly take: (bytes: number) => Promise<void>;
}

/**
 * Appends pieces to a part until it has all its bytes, durably; what came stays when they end early. Of a part whose bytes
 * the disk failed to keep nothing stays: they may be lost though they can be read (fsync tells of it once).
 * @throws ServiceError OUT_OF_RANGE for a piece in the wrong place, INVALID_ARGUMENT for more bytes than were announced,
 * FAILED_PRECONDITION when they end early.
 */
export async function receivePieces(
  target: UploadTarget,
  first: ArtifactPiece,
  rest: AsyncIterator<ArtifactPiece>,
): Promise<void> {
  const { part, totalBytes } = target;
  const file = await open(part, "a");
  try {
    let received = (await file.stat()).size;
    if (received > totalBytes) {
      await file.truncate();
      received = 0;
    }
    for (let piece: ArtifactPiece | null = first; piece !== null; piece = await nextPiece(rest)) {
      received = await append(file, piece, { received, target });
    }
    if (received < totalBytes) {
      const both = `upload ended after ${received} of ${totalBytes} bytes; go on from offset ${received}`;
      throw new ServiceError(Code.FAILED_PRECONDITION, both);
    }
    await keep(file, part);
  } finally {
    await file.close();
  }
}

async function append(
  file: FileHandle,
  piece: ArtifactPiece,
  at: { readonly received: number; readonly target: UploadTarget },
): Promise<number> {
  const { received, target } = at;
  const { totalBytes } = target;
  if (piece.offset !== BigInt(received)) {
    const both = `piece is for offset ${piece.offset}, ${received} bytes were received; go on from there`;
    throw new ServiceError(Code.OUT_OF_RANGE, both);
  }
  const after = received + piece.data.length;
  if (after > totalBytes) {
    const both = `upload of ${after} bytes exceeds the ${totalBytes} announced`;
    throw new ServiceError(Code.INVALID_ARGUMENT, both);
  }
  await target.take(piece.data.length);
  await file.writeFile(piece.data);
  return after;
}

async function keep(file: FileHandle, part: string): Promise<void> {
  try {
    await file.sync();
  } catch (fault) {
    await rm(part, { force: true });
    throw fault;
  }
}

async function nextPiece(pieces: AsyncIterator<ArtifactPiece>): Promise<ArtifactPiece | null> {
  const next = await pieces.next();
  return next.done === true ? null : next.value;
}
