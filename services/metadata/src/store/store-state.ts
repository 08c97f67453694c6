import { Code, ServiceError } from "@infaas/runtime";
import { FIRST_REVISION, type StoreState, type StoreStep } from "./local-store";
import type { Change, Lease, StoreEntry } from "./store";

/** Changes with the layout of records; a log of another layout is refused, never guessed at. */
const LAYOUT = 2;
/** Entries of one record of a snapshot have about so many bytes together. */
const SNAPSHOT_RECORD_BYTES = 1 << 20;

type StoredEntry = readonly [key: string, value: string, revision: string, leaseId: string | null];

/** A record of the log in JSON; values are in base64. */
interface StoredStep {
  readonly layout?: number;
  readonly revision: string;
  readonly put?: readonly StoredEntry[];
  readonly deleted?: readonly string[];
  readonly granted?: readonly Lease[];
  readonly ended?: readonly string[];
}

/** Everything in a store, as a fold over the records of its log. */
export class StoredState {
  private readonly entries = new Map<string, StoreEntry>();
  private readonly leases = new Map<string, Lease>();
  private revision = FIRST_REVISION;

  /** Applies one record. FAILED_PRECONDITION for one of another layout. */
  read(payload: Buffer): void {
    const { layout, revision, put = [], deleted = [], granted = [], ended = [] } = parse(payload);
    if (layout !== undefined && layout !== LAYOUT) {
      const sentence = `metadata file has layout ${layout}, this version reads ${LAYOUT}`;
      throw new ServiceError(Code.FAILED_PRECONDITION, sentence);
    }
    this.revision = BigInt(revision);
    for (const [key, value, at, leaseId] of put)
      this.entries.set(key, { key, value: Buffer.from(value, "base64"), revision: BigInt(at), leaseId });
    for (const key of deleted) this.entries.delete(key);
    for (const lease of granted) this.leases.set(lease.id, lease);
    for (const id of ended) this.leases.delete(id);
  }

  /** Takes over what a store of another kind had. */
  take({ revision, entries, leases }: StoreState): void {
    this.revision = revision;
    for (const entry of entries) this.entries.set(entry.key, entry);
    for (const lease of leases) this.leases.set(lease.id, lease);
  }

  get state(): StoreState {
    const { revision, entries, leases } = this;
    return { revision, entries: [...entries.values()], leases: [...leases.values()] };
  }

  /** Records that bring an empty state here, one at a time. */
  *snapshot(): Generator<Buffer> {
    const revision = String(this.revision);
    yield encode({ layout: LAYOUT, revision, granted: [...this.leases.values()] });
    let put: StoredEntry[] = [];
    let bytes = 0;
    for (const entry of this.entries.values()) {
      put.push(stored(entry));
      bytes += entry.value.length;
      if (bytes < SNAPSHOT_RECORD_BYTES) continue;
      yield encode({ revision, put });
      put = [];
      bytes = 0;
    }
    if (put.length > 0) yield encode({ revision, put });
  }
}

/** The record of one step. */
export function recordOf({ revision, changes, grantedLease, endedLeaseId }: StoreStep): Buffer {
  return encode({
    revision: String(revision),
    put: changes.flatMap((change: Change) => (change.kind === "put" ? [stored(change.entry)] : [])),
    deleted: changes.flatMap((change) => (change.kind === "delete" ? [change.key] : [])),
    granted: grantedLease === null ? [] : [grantedLease],
    ended: endedLeaseId === null ? [] : [endedLeaseId],
  });
}

function stored({ key, value, revision, leaseId }: StoreEntry): StoredEntry {
  return [
    key,
    Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64"),
    String(revision),
    leaseId,
  ];
}

function encode(step: StoredStep): Buffer {
  return Buffer.from(JSON.stringify(step));
}

function parse(payload: Buffer): StoredStep {
  return JSON.parse(payload.toString()) as StoredStep;
}
