import type {
  Architecture,
  Host,
  InstanceReport,
  Leadership,
  Member,
  Placement,
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
  placement: Placement;
  report: InstanceReport;
  leadership: Leadership;
  host: Host;
  freeze: PlanFreeze;
}

/** Kinds of record a watch delivers. */
export type RecordKind = keyof RecordTypes;

/** A record's value, and when it was last put. */
export interface PutRecord<K extends RecordKind> {
  readonly value: RecordTypes[K];
  /** On the clock of this process, ms; a snapshot that repeats a known record does not renew it. */
  readonly putAtMs: number;
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
  private records = new Map<string, Held>();
  private incoming: Map<string, Held> | null = null;
  private seenRevision = 0n;

  /** Revision of the last message applied; 0 before the first snapshot is complete. */
  get revision(): bigint {
    return this.seenRevision;
  }

  /** True once a first snapshot is complete. */
  get isComplete(): boolean {
    return this.seenRevision > 0n;
  }

  /** Applies one message that came at `nowMs`; returns the kinds of record that changed. */
  apply(response: WatchResponse, nowMs: number): ReadonlySet<RecordKind> {
    if (response.snapshotBegin) this.incoming = new Map();
    const target = this.incoming ?? this.records;
    const changed = new Set<RecordKind>();
    for (const key of response.deletedKeys) {
      const kind = target.get(key)?.record.value.case;
      if (kind !== undefined) changed.add(kind);
      target.delete(key);
    }
    for (const record of response.puts) {
      const before = this.incoming === null ? undefined : this.records.get(record.key);
      target.set(record.key, { record, putAtMs: before?.putAtMs ?? nowMs });
      if (record.value.case !== undefined) changed.add(record.value.case);
    }
    if (this.incoming === null) {
      this.seenRevision = response.revision;
      return changed;
    }
    if (!response.snapshotComplete) return new Set();
    const kinds = kindsOf(this.records, this.incoming);
    this.records = this.incoming;
    this.incoming = null;
    this.seenRevision = response.revision;
    return kinds;
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
    for (const { record, putAtMs } of this.records.values()) {
      const { value } = record;
      if (value.case === kind) yield { value: value.value as RecordTypes[K], putAtMs };
    }
  }
}

function kindsOf(...tables: ReadonlyMap<string, Held>[]): ReadonlySet<RecordKind> {
  const kinds = new Set<RecordKind>();
  for (const table of tables) {
    for (const { record } of table.values())
      if (record.value.case !== undefined) kinds.add(record.value.case);
  }
  return kinds;
}
