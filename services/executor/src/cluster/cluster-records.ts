import type { Record as ClusterRecord, Member, Placement, Variant, WatchResponse } from "@infaas/api";

interface Known {
  readonly value: ClusterRecord["value"];
  /**
   * When it was last put, on the clock of this process; a snapshot that repeats a known record does not renew
   * it.
   */
  readonly putAtMs: number;
}

/** A wish for an instance and when it was last expressed. */
export interface PlacementRecord {
  readonly placement: Placement;
  readonly putAtMs: number;
}

/** What the metadata service last said: a fold over its watch. A snapshot counts only when it is complete. */
export class ClusterRecords {
  private known = new Map<string, Known>();
  private snapshot: Map<string, Known> | null = null;
  private lastRevision = 0n;

  /** Revision of the last message taken in; 0 before the first. */
  get revision(): bigint {
    return this.lastRevision;
  }

  /** Takes one message in; returns whether what is known may have changed. */
  apply(message: WatchResponse, nowMs: number): boolean {
    if (message.snapshotBegin) this.snapshot = new Map();
    const target = this.snapshot ?? this.known;
    for (const key of message.deletedKeys) target.delete(key);
    for (const record of message.puts) {
      const before = this.snapshot === null ? undefined : this.known.get(record.key);
      target.set(record.key, { value: record.value, putAtMs: before?.putAtMs ?? nowMs });
    }
    if (this.snapshot !== null && !message.snapshotComplete) return false;
    this.known = target;
    this.snapshot = null;
    this.lastRevision = message.revision;
    return true;
  }

  /** Forgets a snapshot that was cut off: the next one starts afresh. */
  interrupted(): void {
    this.snapshot = null;
  }

  /** Placements wanted on one executor. */
  placementsOn(executor: string): readonly PlacementRecord[] {
    return [...this.known.values()].flatMap(({ value, putAtMs }) =>
      value.case === "placement" && value.value.executor === executor
        ? [{ placement: value.value, putAtMs }]
        : [],
    );
  }

  /** All variants the registry has told of, by name. */
  variants(): ReadonlyMap<string, Variant> {
    const byName = new Map<string, Variant>();
    for (const { value } of this.known.values()) {
      if (value.case === "variant") byName.set(value.value.name, value.value);
    }
    return byName;
  }

  /** All members that are alive. */
  members(): readonly Member[] {
    return [...this.known.values()].flatMap(({ value }) => (value.case === "member" ? [value.value] : []));
  }
}
