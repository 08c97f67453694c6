import type {
  Architecture,
  InstanceReport,
  Leadership,
  Member,
  Placement,
  Task,
  Variant,
  WatchResponse,
  Record as WireRecord,
} from "@infaas/api";

/** Kinds of record a watch delivers. */
export type RecordKind =
  | "task"
  | "architecture"
  | "variant"
  | "member"
  | "placement"
  | "report"
  | "leadership";

interface RecordTypes {
  task: Task;
  architecture: Architecture;
  variant: Variant;
  member: Member;
  placement: Placement;
  report: InstanceReport;
  leadership: Leadership;
}

/**
 * Everything the metadata service has told, by key. A snapshot replaces the table only once it is complete, so that a
 * watch which breaks in the middle of one never leaves half a world.
 */
export class RecordTable {
  private records = new Map<string, WireRecord>();
  private incoming: Map<string, WireRecord> | null = null;
  private seenRevision = 0n;

  /** Revision of the last message applied; a broken watch goes on after it. 0 before the first snapshot. */
  get revision(): bigint {
    return this.seenRevision;
  }

  /** True once a first snapshot is complete. */
  get isComplete(): boolean {
    return this.seenRevision > 0n;
  }

  /** Applies one message; returns the kinds of record that changed. */
  apply(response: WatchResponse): ReadonlySet<RecordKind> {
    if (response.snapshotBegin) this.incoming = new Map();
    const target = this.incoming ?? this.records;
    const changed = new Set<RecordKind>();
    for (const record of response.puts) {
      target.set(record.key, record);
      if (record.value.case !== undefined) changed.add(record.value.case);
    }
    for (const key of response.deletedKeys) {
      const kind = target.get(key)?.value.case;
      if (kind !== undefined) changed.add(kind);
      target.delete(key);
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
    for (const record of this.records.values()) {
      const { value } = record;
      if (value.case === kind) yield value.value as RecordTypes[K];
    }
  }
}

function kindsOf(...tables: ReadonlyMap<string, WireRecord>[]): ReadonlySet<RecordKind> {
  const kinds = new Set<RecordKind>();
  for (const table of tables) {
    for (const { value } of table.values()) if (value.case !== undefined) kinds.add(value.case);
  }
  return kinds;
}
