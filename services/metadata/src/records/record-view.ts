import type { Record } from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";
import type { Change, StoreEntry, StoreListing } from "../store/store";
import { guardKey, isRecordKey } from "./keys";
import { decodeRecord, type RecordKind, type RecordOf } from "./records";

/** One record with what the store knows of it. */
export interface HeldRecord {
  readonly record: Record;
  /** Of the last write to it. */
  readonly revision: bigint;
  readonly leaseId: string | null;
  /** Size in the store, near enough to its size on the wire. */
  readonly bytes: number;
}

/** What a change means to watchers. */
export interface RecordChanges {
  readonly puts: readonly Record[];
  readonly deletedKeys: readonly string[];
}

/** Every record as of one revision, decoded once; follows the store by `apply`. */
export class RecordView {
  private readonly held = new Map<string, HeldRecord>();
  private readonly onFault: (error: ServiceError) => void;
  private lastRevision = 0n;
  private lastGuardRevision = 0n;

  /** `onFault` is told of each stored value that is no readable record; such a key counts as absent. */
  constructor(onFault: (error: ServiceError) => void) {
    this.onFault = onFault;
  }

  get revision(): bigint {
    return this.lastRevision;
  }

  /** Revision of the guard key; 0 before the first guarded write. */
  get guardRevision(): bigint {
    return this.lastGuardRevision;
  }

  /** Starts over from a listing. */
  replace(listing: StoreListing): void {
    this.held.clear();
    this.lastGuardRevision = 0n;
    for (const entry of listing.entries) this.put(entry);
    this.lastRevision = listing.revision;
  }

  /** Takes over what one transaction did and returns what watchers should be told. */
  apply(revision: bigint, changes: readonly Change[]): RecordChanges {
    const puts: Record[] = [];
    const deletedKeys: string[] = [];
    for (const change of changes) {
      if (change.kind === "put") {
        const held = this.put(change.entry);
        if (held !== null) puts.push(held.record);
        else if (this.held.delete(change.entry.key)) deletedKeys.push(change.entry.key);
      } else if (this.held.delete(change.key)) deletedKeys.push(change.key);
    }
    this.lastRevision = revision;
    return { puts, deletedKeys };
  }

  /** All records, in no particular order. */
  all(): IterableIterator<HeldRecord> {
    return this.held.values();
  }

  get size(): number {
    return this.held.size;
  }

  /** The record under a key, or null. */
  at(key: string): HeldRecord | null {
    return this.held.get(key) ?? null;
  }

  /** All messages of one kind. */
  of<K extends RecordKind>(kind: K): RecordOf<K>[] {
    const found: RecordOf<K>[] = [];
    for (const { record } of this.held.values()) {
      if (record.value.case === kind) found.push(record.value.value as RecordOf<K>);
    }
    return found;
  }

  private decode({ key, value }: StoreEntry): Record | null {
    try {
      return decodeRecord(key, value);
    } catch (error) {
      this.onFault(ServiceError.from(error));
      return null;
    }
  }

  private put(entry: StoreEntry): HeldRecord | null {
    if (entry.key === guardKey) this.lastGuardRevision = entry.revision;
    if (!isRecordKey(entry.key)) return null;
    const record = this.decode(entry);
    if (record === null) return null;
    const held = { record, revision: entry.revision, leaseId: entry.leaseId, bytes: entry.value.length };
    this.held.set(entry.key, held);
    return held;
  }
}

/** Throws ABORTED when the record changed after the revision up to which it was read: what was made of it would undo that. */
export function checkRead(view: RecordView, key: string, what: string, readRevision: bigint): void {
  const revision = view.at(key)?.revision ?? 0n;
  if (revision <= readRevision) return;
  const sentence = `${what} changed at revision ${revision}, it was read at ${readRevision}; read it again`;
  throw new ServiceError(Code.ABORTED, sentence);
}
