import { Code, ServiceError } from "@infaas/runtime";

/** Longest key in UTF-8 bytes; far above what names allow. */
export const KEY_MAX_BYTES = 1024;
/**
 * Most writes in one transaction: etcd's own default (`--max-txn-ops`), kept by every store so that they
 * agree.
 */
export const TRANSACTION_MAX_WRITES = 128;

/** One key as it is. `revision` is that of the last write to it. */
export interface StoreEntry {
  readonly key: string;
  readonly value: Uint8Array;
  readonly revision: bigint;
  /** Lease with which the key vanishes; null for a durable key. */
  readonly leaseId: string | null;
}

/** All keys under a prefix, as they were together at `revision`. Entries are ordered by key. */
export interface StoreListing {
  readonly revision: bigint;
  readonly entries: readonly StoreEntry[];
}

/** The key must still have this revision; 0 means it must be absent. */
export interface Compare {
  readonly key: string;
  readonly revision: bigint;
}

/** One write of a transaction. No key may be written twice in one transaction, by prefix or by name. */
export type StoreWrite =
  | {
      readonly kind: "put";
      readonly key: string;
      readonly value: Uint8Array;
      readonly leaseId: string | null;
    }
  | { readonly kind: "delete"; readonly key: string }
  | { readonly kind: "deletePrefix"; readonly prefix: string };

/** Writes that happen all together, if every compare holds. */
export interface Transaction {
  readonly compares: readonly Compare[];
  readonly writes: readonly StoreWrite[];
}

/** What became of a transaction; nothing was written unless it is `committed`. */
export type TransactionOutcome =
  | { readonly kind: "committed"; readonly revision: bigint }
  | { readonly kind: "conflict" }
  | { readonly kind: "leaseLost"; readonly leaseId: string };

/** What a write did to one key. */
export type Change =
  | { readonly kind: "put"; readonly entry: StoreEntry }
  | { readonly kind: "delete"; readonly key: string };

/** What a watch tells, in order of revision. After `compacted` or `failed` it tells nothing more. */
export type StoreEvent =
  /** Everything one transaction did under the prefix. */
  | { readonly kind: "changes"; readonly revision: bigint; readonly changes: readonly Change[] }
  /** The asked revision is no longer kept: list again, then watch from the listing's revision + 1. */
  | { readonly kind: "compacted" }
  /** The watch broke; `isRecoverable(error)` says whether watching again may help. */
  | { readonly kind: "failed"; readonly error: ServiceError };

/** A running watch; `close` is idempotent and no event follows it. */
export interface StoreWatch {
  close(): void;
}

/** A lease as granted; stores may give a longer life than asked (etcd counts in whole seconds). */
export interface Lease {
  readonly id: string;
  readonly ttlMs: number;
}

/**
 * Where metadata is kept. Revisions are int64, grow with every transaction that writes, and are never reused,
 * not even after a restart. Every method throws ServiceError; see `isRecoverable`.
 */
export interface MetadataStore {
  get(key: string): Promise<StoreEntry | null>;
  list(prefix: string): Promise<StoreListing>;
  /** Durable when it resolves. */
  transaction(transaction: Transaction): Promise<TransactionOutcome>;
  /** True if the key was there. */
  delete(key: string): Promise<boolean>;
  /**
   * Tells every change from `fromRevision` on (inclusive, at least 1); `tell` is called one event at a time.
   */
  watch(
    range: { readonly prefix: string; readonly fromRevision: bigint },
    tell: (event: StoreEvent) => void,
  ): StoreWatch;
  grantLease(ttlMs: number): Promise<Lease>;
  /** Gives the lease its full life again; null when it has run out. */
  keepAlive(leaseId: string): Promise<Lease | null>;
  /** Ends the lease and deletes its keys; nothing happens when it has run out already. */
  revokeLease(leaseId: string): Promise<void>;
  close(): Promise<void>;
}

/** Whether the same call may succeed later: the store was away or busy, rather than the call wrong. */
export function isRecoverable(error: ServiceError): boolean {
  return error.code === Code.UNAVAILABLE || error.code === Code.DEADLINE_EXCEEDED;
}

/** Throws INVALID_ARGUMENT for a transaction no store would take. */
export function checkTransaction({ compares, writes }: Transaction): void {
  if (writes.length > TRANSACTION_MAX_WRITES) {
    throw invalid(`transaction of ${writes.length} writes exceeds the ${TRANSACTION_MAX_WRITES} allowed`);
  }
  for (const compare of compares) checkKey(compare.key);
  const keys = new Set<string>();
  for (const write of writes) {
    const key = write.kind === "deletePrefix" ? write.prefix : write.key;
    checkKey(key);
    if (keys.has(key)) throw invalid(`key "${key}" is written twice in one transaction`);
    keys.add(key);
  }
  for (const write of writes) {
    if (write.kind !== "deletePrefix") continue;
    const overlapping = [...keys].find((key) => key !== write.prefix && key.startsWith(write.prefix));
    if (overlapping !== undefined) {
      throw invalid(
        `key "${overlapping}" is written twice in one transaction: also by prefix "${write.prefix}"`,
      );
    }
  }
}

/** Throws INVALID_ARGUMENT for an empty or overlong key. */
export function checkKey(key: string): void {
  const bytes = Buffer.byteLength(key);
  if (bytes === 0 || bytes > KEY_MAX_BYTES) {
    throw invalid(`key of ${bytes} bytes is outside the 1 to ${KEY_MAX_BYTES} allowed`);
  }
}

function invalid(message: string): ServiceError {
  return new ServiceError(Code.INVALID_ARGUMENT, message);
}
