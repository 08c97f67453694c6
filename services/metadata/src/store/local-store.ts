import { type Clock, Code, type Random, ServiceError } from "@infaas/runtime";
import { ChangeLog } from "./change-log";
import { LeaseTable } from "./lease-table";
import {
  type Change,
  checkKey,
  checkTransaction,
  type Lease,
  type MetadataStore,
  type StoreEntry,
  type StoreEvent,
  type StoreListing,
  type StoreWatch,
  type Transaction,
  type TransactionOutcome,
} from "./store";

/** State of a store that survives its process. */
export interface StoreState {
  readonly revision: bigint;
  readonly entries: readonly StoreEntry[];
  readonly leases: readonly Lease[];
}

/** Everything that one step changes; it is kept as a whole or not at all. */
export interface StoreStep {
  /** The revision after this step; the same as before it when no key changes. */
  readonly revision: bigint;
  readonly changes: readonly Change[];
  readonly grantedLease: Lease | null;
  readonly endedLeaseId: string | null;
}

/** Where a `LocalStore` keeps its state: nowhere (memory) or in a file (embedded). */
export interface StoreBacking {
  load(): StoreState;
  /** Resolves when the step is durable. */
  commit(step: StoreStep): Promise<void>;
  close(): Promise<void>;
}

/** What every local store needs of its process. */
export interface LocalStoreOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Revisions kept for watches that start in the past; older ones are told `compacted`. */
  readonly historyMaxRevisions?: number;
}

/**
 * Revision of a store before its first write, as in etcd: a watcher that has seen a revision has seen one
 * above 0.
 */
export const FIRST_REVISION = 1n;
/** Default of `historyMaxRevisions`: a watcher away for minutes still finds its place, at a few MB. */
const HISTORY_MAX_REVISIONS_DEFAULT = 4096;
/** 64 random bits: two leases never share an id, and a client cannot guess another's. */
const LEASE_ID_BYTES = 8;

/**
 * A store in this process: all state in memory, each step first made durable by the backing, then shown to
 * readers and watchers. Steps run one at a time, in order. One process at a time may use a backing. After a
 * restart every lease gets its full life once more, so that its holder can prolong it.
 */
export class LocalStore implements MetadataStore {
  private readonly backing: StoreBacking;
  private readonly random: Random;
  private readonly entries = new Map<string, StoreEntry>();
  private readonly leases: LeaseTable;
  private readonly log: ChangeLog;
  private revision: bigint;
  private lastStep: Promise<unknown> = Promise.resolve();
  private closed = false;

  constructor(backing: StoreBacking, options: LocalStoreOptions) {
    this.backing = backing;
    this.random = options.random;
    const state = backing.load();
    this.revision = state.revision;
    for (const entry of state.entries) this.entries.set(entry.key, entry);
    const historyMaxRevisions = options.historyMaxRevisions ?? HISTORY_MAX_REVISIONS_DEFAULT;
    this.log = new ChangeLog(state.revision, historyMaxRevisions, options.clock);
    this.leases = new LeaseTable(options.clock, (id) => this.expire(id));
    for (const lease of state.leases) this.leases.start(lease);
  }

  async get(key: string): Promise<StoreEntry | null> {
    this.assertOpen();
    checkKey(key);
    return this.entries.get(key) ?? null;
  }

  async list(prefix: string): Promise<StoreListing> {
    this.assertOpen();
    const entries = [...this.entries.values()].filter(({ key }) => key.startsWith(prefix));
    return { revision: this.revision, entries: entries.sort((a, b) => (a.key < b.key ? -1 : 1)) };
  }

  async transaction(transaction: Transaction): Promise<TransactionOutcome> {
    checkTransaction(transaction);
    return this.inOrder(async () => {
      for (const { key, revision } of transaction.compares) {
        if ((this.entries.get(key)?.revision ?? 0n) !== revision) return { kind: "conflict" };
      }
      for (const write of transaction.writes) {
        if (write.kind !== "put" || write.leaseId === null || this.leases.has(write.leaseId)) continue;
        return { kind: "leaseLost", leaseId: write.leaseId };
      }
      const revision = await this.commit(this.changesOf(transaction));
      return { kind: "committed", revision };
    });
  }

  async delete(key: string): Promise<boolean> {
    checkKey(key);
    return this.inOrder(async () => {
      if (!this.entries.has(key)) return false;
      await this.commit([{ kind: "delete", key }]);
      return true;
    });
  }

  watch(range: { prefix: string; fromRevision: bigint }, tell: (event: StoreEvent) => void): StoreWatch {
    this.assertOpen();
    return this.log.watch(range, tell);
  }

  async grantLease(ttlMs: number): Promise<Lease> {
    if (!Number.isFinite(ttlMs) || ttlMs <= 0) {
      throw new ServiceError(Code.INVALID_ARGUMENT, `lease life of ${ttlMs} ms must be above 0`);
    }
    return this.inOrder(async () => {
      const lease = { id: this.random.hex(LEASE_ID_BYTES), ttlMs };
      await this.commit([], { grantedLease: lease });
      this.leases.start(lease);
      return lease;
    });
  }

  async keepAlive(leaseId: string): Promise<Lease | null> {
    return this.inOrder(async () => this.leases.renew(leaseId));
  }

  async revokeLease(leaseId: string): Promise<void> {
    await this.inOrder(async () => {
      if (this.leases.has(leaseId)) await this.end(leaseId);
    });
  }

  /** Forgets all history; watches from a past revision are told `compacted`. */
  compact(): void {
    this.log.compact();
  }

  async close(): Promise<void> {
    if (this.closed) return;
    await this.inOrder(async () => {
      this.closed = true;
      this.leases.close();
      this.log.close();
      await this.backing.close();
    });
  }

  /** Called by the lease's timer; a renewal that came first in order wins. */
  private expire(leaseId: string): void {
    this.inOrder(async () => {
      if (this.leases.isDue(leaseId)) await this.end(leaseId);
    }).catch(() => this.leases.renew(leaseId));
  }

  private async end(leaseId: string): Promise<void> {
    const attached = [...this.entries.values()].filter((entry) => entry.leaseId === leaseId);
    const changes = attached.map(({ key }): Change => ({ kind: "delete", key }));
    await this.commit(changes, { endedLeaseId: leaseId });
    this.leases.stop(leaseId);
  }

  /** The changes a transaction would make; deleting what is not there changes nothing. */
  private changesOf({ writes }: Transaction): Change[] {
    const revision = this.revision + 1n;
    return writes.flatMap((write): Change[] => {
      if (write.kind === "put") return [{ kind: "put", entry: { ...putEntry(write), revision } }];
      const keys = write.kind === "delete" ? [write.key] : this.keysUnder(write.prefix);
      return keys.filter((key) => this.entries.has(key)).map((key) => ({ kind: "delete", key }));
    });
  }

  private keysUnder(prefix: string): string[] {
    return [...this.entries.keys()].filter((key) => key.startsWith(prefix));
  }

  private async commit(
    changes: readonly Change[],
    leases: { grantedLease?: Lease; endedLeaseId?: string } = {},
  ): Promise<bigint> {
    const revision = changes.length > 0 ? this.revision + 1n : this.revision;
    const { grantedLease = null, endedLeaseId = null } = leases;
    await this.backing.commit({ revision, changes, grantedLease, endedLeaseId });
    this.revision = revision;
    for (const change of changes) {
      if (change.kind === "put") this.entries.set(change.entry.key, change.entry);
      else this.entries.delete(change.key);
    }
    if (changes.length > 0) this.log.append(revision, changes);
    return revision;
  }

  private inOrder<T>(step: () => Promise<T>): Promise<T> {
    const result = this.lastStep.then(() => {
      this.assertOpen();
      return step();
    });
    this.lastStep = result.catch(() => undefined);
    return result;
  }

  private assertOpen(): void {
    if (this.closed) throw new ServiceError(Code.FAILED_PRECONDITION, "metadata store is closed");
  }
}

function putEntry(write: { key: string; value: Uint8Array; leaseId: string | null }) {
  return { key: write.key, value: write.value, leaseId: write.leaseId };
}
