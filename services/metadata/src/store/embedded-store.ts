import { mkdirSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { Code, diskFailure, ServiceError } from "@infaas/runtime";
import { readLmdb } from "./lmdb-import";
import {
  LocalStore,
  type LocalStoreOptions,
  type StoreBacking,
  type StoreState,
  type StoreStep,
} from "./local-store";
import { LOG_BEGINNING, LogFile, type LogPlace, readLog } from "./log-file";
import { lockFolder } from "./store-lock";
import { recordOf, StoredState } from "./store-state";

/**
 * A store in one log file under `folder`, for a single metadata process. A step is answered only after its
 * record is fsynced, so that what was answered survives kill -9 and power loss; what a crash leaves half-written
 * at the end is no part of the log. Costs one fsync per step; steps of metadata are rare. FAILED_PRECONDITION
 * when the file has another layout, or another process has it open; DATA_LOSS when it is damaged.
 */
export function openEmbeddedStore(folder: string, options: LocalStoreOptions): LocalStore {
  mkdirSync(folder, { recursive: true });
  const unlock = lockFolder(folder);
  try {
    return new LocalStore(new LogBacking(folder, unlock), options);
  } catch (fault) {
    unlock();
    throw fault;
  }
}

/** File of the store inside its folder. */
const FILE_NAME = "metadata.log";
/** A log is rewritten when it is larger than this and than so many times what it had when it was written. */
const REWRITE_MIN_BYTES = 8 * 1024 ** 2;
const REWRITE_FACTOR = 3;

/** The log of a store: a snapshot, then one record a step. It is rewritten when most of it is outdated. */
class LogBacking implements StoreBacking {
  private readonly path: string;
  private readonly stored = new StoredState();
  /** Where the log of an earlier life goes on; null when there was none. */
  private readonly found: LogPlace | null;
  /** Null before the first step. */
  private log: LogFile | null = null;
  private rewriteAtBytes: number;
  /** A log took the place of another, which is not durable yet. */
  private isFolderDirty = false;

  constructor(
    private readonly folder: string,
    private readonly unlock: () => void,
  ) {
    this.path = join(folder, FILE_NAME);
    const read = readLog(this.path);
    for (const payload of read?.payloads ?? []) this.stored.read(payload);
    this.found = read === null || read.payloads.length === 0 ? null : read.place;
    if (this.found === null) this.stored.take(readLmdb(folder) ?? this.stored.state);
    this.rewriteAtBytes = rewriteAt(this.found?.bytes ?? 0);
  }

  load(): StoreState {
    return this.stored.state;
  }

  /**
   * RESOURCE_EXHAUSTED when the disk has no room for the step, UNAVAILABLE when it fails; the step is no part
   * of the log then, and the next may be taken.
   */
  async commit(step: StoreStep): Promise<void> {
    const record = recordOf(step);
    try {
      const log = await this.opened();
      if (this.isFolderDirty) await this.syncFolder();
      await log.append(record);
    } catch (cause) {
      throw this.failureOf(record, cause);
    }
    this.stored.read(record);
    if ((this.log?.bytes ?? 0) > this.rewriteAtBytes) await this.rewriteLater();
  }

  async close(): Promise<void> {
    await this.log?.close();
    this.unlock();
  }

  private async opened(): Promise<LogFile> {
    if (this.log === null) {
      if (this.found === null) await this.rewrite();
      else this.log = await LogFile.open(this.path, this.found);
    }
    return this.log!;
  }

  /** A log that can't be rewritten now goes on growing; it is tried again when it has grown by as much. */
  private async rewriteLater(): Promise<void> {
    try {
      await this.rewrite();
    } catch {
      this.rewriteAtBytes += REWRITE_MIN_BYTES;
    }
  }

  private async rewrite(): Promise<void> {
    const path = `${this.path}.new`;
    const log = await LogFile.open(path, LOG_BEGINNING);
    try {
      for (const record of this.stored.snapshot()) await log.write(record);
      await log.sync();
      await rename(path, this.path);
    } catch (fault) {
      await log.close().catch(() => undefined);
      await rm(path, { force: true }).catch(() => undefined);
      throw fault;
    }
    const before = this.log;
    this.log = log;
    this.isFolderDirty = true;
    this.rewriteAtBytes = rewriteAt(log.bytes);
    await before?.close().catch(() => undefined);
  }

  private async syncFolder(): Promise<void> {
    const folder = await open(this.folder, "r");
    await folder.sync().finally(() => folder.close());
    this.isFolderDirty = false;
  }

  private failureOf(record: Buffer, cause: unknown): ServiceError {
    const what = `metadata's store, asked to write ${record.length} bytes,`;
    const failure = diskFailure(what, cause, this.folder);
    if (failure.code !== Code.INTERNAL) return failure;
    return new ServiceError(Code.UNAVAILABLE, `metadata's store failed: ${failure.message}`, { cause });
  }
}

function rewriteAt(bytes: number): number {
  return Math.max(REWRITE_MIN_BYTES, REWRITE_FACTOR * bytes);
}
