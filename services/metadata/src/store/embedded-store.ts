import { mkdirSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { join } from "node:path";
import { Code, ServiceError } from "@infaas/runtime";
import { type Database, open, type RootDatabase } from "lmdb";
import {
  FIRST_REVISION,
  LocalStore,
  type LocalStoreOptions,
  type StoreBacking,
  type StoreState,
  type StoreStep,
} from "./local-store";
import type { Lease, StoreEntry } from "./store";

/** Changes with the layout of the file; a file of another layout is refused, never guessed at. */
const layout = 1;
/** File of the store inside its folder. */
const fileName = "metadata.lmdb";
/** Read transactions at once; this process has one. */
const READERS_MAX = 8;

interface StoredEntry {
  readonly value: Uint8Array;
  readonly revision: bigint;
  readonly leaseId: string | null;
}

/**
 * A store in one LMDB file under `folder`, for a single metadata process. A step is answered only after LMDB
 * has committed and fsynced it (`noSync` off, `overlappingSync` off), so that what was answered survives kill
 * -9 and power loss; LMDB's copy-on-write pages mean a torn write is never seen. Costs one fsync per step;
 * steps of metadata are rare. FAILED_PRECONDITION when the file has another layout, or another process has it
 * open.
 */
export function openEmbeddedStore(folder: string, options: LocalStoreOptions): LocalStore {
  mkdirSync(folder, { recursive: true });
  return new LocalStore(new LmdbBacking(folder), options);
}

class LmdbBacking implements StoreBacking {
  private readonly root: RootDatabase;
  private readonly entries: Database<StoredEntry, string>;
  private readonly leases: Database<Lease, string>;
  private readonly facts: Database<bigint | number, string>;

  constructor(private readonly folder: string) {
    const path = join(folder, fileName);
    this.root = open({ path, overlappingSync: false, noSync: false, maxReaders: READERS_MAX, maxDbs: 3 });
    this.entries = this.root.openDB({ name: "entries", encoding: "msgpack" });
    this.leases = this.root.openDB({ name: "leases", encoding: "msgpack" });
    this.facts = this.root.openDB({ name: "facts", encoding: "msgpack" });
    const found = this.facts.get("layout");
    this.refuseSecondProcess();
    if (found === undefined) this.facts.putSync("layout", layout);
    else if (found !== layout) {
      throw new ServiceError(
        Code.FAILED_PRECONDITION,
        `metadata file has layout ${found}, this version reads ${layout}`,
      );
    }
  }

  /**
   * Every process that reads the file is in its reader table; LMDB clears those that the system says are
   * dead.
   */
  private refuseSecondProcess(): void {
    this.root.readerCheck();
    const readers = [...this.root.readerList().matchAll(/^\s*(\d+)\s/gm)].map(([, id]) => Number(id));
    const other = readers.find((id) => id !== process.pid);
    if (other === undefined) return;
    void this.root.close();
    throw new ServiceError(
      Code.FAILED_PRECONDITION,
      `metadata file is in use by process ${other}; the embedded store is for one metadata process at a time`,
    );
  }

  load(): StoreState {
    const entries = [...this.entries.getRange({})].map(({ key, value }): StoreEntry => ({ key, ...value }));
    const leases = [...this.leases.getRange({})].map(({ value }) => value);
    return { revision: BigInt(this.facts.get("revision") ?? FIRST_REVISION), entries, leases };
  }

  /**
   * RESOURCE_EXHAUSTED when the disk does not take it; the step is not in the file then, and the next may be.
   * Written on this thread: of LMDB's own, promises that nobody can reach reject when a commit fails.
   */
  async commit(step: StoreStep): Promise<void> {
    try {
      this.write(step);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      const { bavail, bsize } = await statfs(this.folder);
      const sentence = `metadata could not be written (${reason}); its disk has ${bavail * bsize} bytes free`;
      throw new ServiceError(Code.RESOURCE_EXHAUSTED, sentence, { cause });
    }
  }

  private write(step: StoreStep): void {
    this.root.transactionSync(() => {
      for (const change of step.changes) {
        if (change.kind === "delete") this.entries.remove(change.key);
        else this.entries.put(change.entry.key, stored(change.entry));
      }
      if (step.grantedLease !== null) this.leases.put(step.grantedLease.id, step.grantedLease);
      if (step.endedLeaseId !== null) this.leases.remove(step.endedLeaseId);
      this.facts.put("revision", step.revision);
    });
  }

  async close(): Promise<void> {
    await this.root.close();
  }
}

function stored({ value, revision, leaseId }: StoreEntry): StoredEntry {
  return { value, revision, leaseId };
}
