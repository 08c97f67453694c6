import type {
  Architecture,
  ExecutorPlacement,
  Host,
  InstanceReport,
  Job,
  Leadership,
  LoadRequests,
  Member,
  PlanFreeze,
  Task,
  Variant,
  WatchResponse,
  Record as WireRecord,
} from "@infaas/api";

interface RecordTypes {
  task: Task;
  architecture: Architecture;
  variant: Variant;
  member: Member;
  executorPlacement: ExecutorPlacement;
  report: InstanceReport;
  leadership: Leadership;
  host: Host;
  freeze: PlanFreeze;
  loadRequests: LoadRequests;
  job: Job;
}

/** Kinds of record a watch delivers. */
export type RecordKind = keyof RecordTypes;

/** A record's value, and when it was last put. */
export interface PutRecord<K extends RecordKind> {
  readonly value: RecordTypes[K];
  /** On the clock of this process, ms; a snapshot that repeats a known record does not renew it. */
  readonly putAtMs: number;
}

/** What one message of the watch changed. */
export interface TableChanges {
  /** Kinds of record that changed. */
  readonly kinds: ReadonlySet<RecordKind>;
  /** Records that were put; null: a snapshot replaced everything. */
  readonly puts: readonly WireRecord[] | null;
  /** What deleted records were. */
  readonly deleted: readonly WireRecord[];
}

interface Held {
  readonly record: WireRecord;
  readonly putAtMs: number;
}

/**
 * The records of the metadata service by key: a fold over its watch. A snapshot replaces the table only once
 * it is complete, so that a watch which breaks in the middle of one never leaves half a world. A key changes
 * at most once in one message; should it stand among deletions and puts, the put counts (decision 0023).
 */
export class RecordTable {
  private records = new Records();
  private incoming: Records | null = null;
  private seenRevision = 0n;

  /** Revision of the last message applied; 0 before the first snapshot is complete. */
  get revision(): bigint {
    return this.seenRevision;
  }

  /** True once a first snapshot is complete. */
  get isComplete(): boolean {
    return this.seenRevision > 0n;
  }

  /** Applies one message that came at `nowMs`, O(what it holds); returns what changed. */
  apply(response: WatchResponse, nowMs: number): TableChanges {
    if (response.snapshotBegin) this.incoming = new Records();
    const target = this.incoming ?? this.records;
    const deleted: WireRecord[] = [];
    for (const key of response.deletedKeys) {
      const held = target.delete(key);
      if (held !== undefined) deleted.push(held.record);
    }
    for (const record of response.puts) {
      const before = this.incoming === null ? undefined : this.records.get(record.key);
      target.put({ record, putAtMs: before?.putAtMs ?? nowMs });
    }
    const { puts } = response;
    if (this.incoming === null) {
      this.seenRevision = response.revision;
      return { kinds: kindsOf([...puts, ...deleted]), puts, deleted };
    }
    if (!response.snapshotComplete) return { kinds: new Set(), puts: [], deleted: [] };
    const kinds = new Set([...this.records.kinds(), ...this.incoming.kinds()]);
    this.records = this.incoming;
    this.incoming = null;
    this.seenRevision = response.revision;
    return { kinds, puts: null, deleted: [] };
  }

  /** A broken watch: a snapshot that was under way is forgotten, the last complete state stays. */
  interrupted(): void {
    this.incoming = null;
  }

  /** All records of one kind, in the order of their keys' arrival. */
  *all<K extends RecordKind>(kind: K): Generator<RecordTypes[K]> {
    for (const { value } of this.allPut(kind)) yield value;
  }

  /** All records of one kind with the time of their last put. */
  *allPut<K extends RecordKind>(kind: K): Generator<PutRecord<K>> {
    for (const { record, putAtMs } of this.records.ofKind(kind))
      yield { value: record.value.value as RecordTypes[K], putAtMs };
  }
}

/** Records by key, and by kind. */
class Records {
  private readonly byKey = new Map<string, Held>();
  private readonly byKind = new Map<string, Map<string, Held>>();

  get(key: string): Held | undefined {
    return this.byKey.get(key);
  }

  put(held: Held): void {
    const { key, value } = held.record;
    const before = this.byKey.get(key)?.record.value.case;
    if (before !== value.case) this.delete(key);
    this.byKey.set(key, held);
    if (value.case === undefined) return;
    const ofKind = this.byKind.get(value.case) ?? new Map<string, Held>();
    this.byKind.set(value.case, ofKind.set(key, held));
  }

  delete(key: string): Held | undefined {
    const held = this.byKey.get(key);
    if (held === undefined) return undefined;
    this.byKey.delete(key);
    const kind = held.record.value.case ?? "";
    const ofKind = this.byKind.get(kind);
    ofKind?.delete(key);
    if (ofKind?.size === 0) this.byKind.delete(kind);
    return held;
  }

  ofKind(kind: RecordKind): Iterable<Held> {
    return this.byKind.get(kind)?.values() ?? [];
  }

  kinds(): Iterable<RecordKind> {
    return this.byKind.keys() as Iterable<RecordKind>;
  }
}

function kindsOf(records: readonly WireRecord[]): ReadonlySet<RecordKind> {
  const kinds = new Set<RecordKind>();
  for (const { value } of records) if (value.case !== undefined) kinds.add(value.case as RecordKind);
  return kinds;
}
