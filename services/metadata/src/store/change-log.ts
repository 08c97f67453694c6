import type { Clock } from "@infaas/runtime";
import type { Change, StoreEvent, StoreWatch } from "./store";

interface LoggedRevision {
  readonly revision: bigint;
  readonly changes: readonly Change[];
}

interface Watcher {
  readonly prefix: string;
  readonly tell: (event: StoreEvent) => void;
}

/** The latest revisions of a local store, and who watches for more. */
export class ChangeLog {
  private readonly watchers = new Set<Watcher>();
  private kept: LoggedRevision[] = [];
  /** Everything up to and including this revision is forgotten. */
  private compacted: bigint;

  constructor(
    revision: bigint,
    private readonly maxRevisions: number,
    private readonly clock: Pick<Clock, "soon">,
  ) {
    this.compacted = revision;
  }

  append(revision: bigint, changes: readonly Change[]): void {
    this.kept.push({ revision, changes });
    if (this.kept.length > this.maxRevisions) this.compacted = this.kept.shift()?.revision ?? revision;
    for (const watcher of [...this.watchers]) tellChanges(watcher, revision, changes);
  }

  /** What is kept is told in later turns, before anything newer: no event comes before `watch` returns. */
  watch(range: { prefix: string; fromRevision: bigint }, tell: (event: StoreEvent) => void): StoreWatch {
    let closed = false;
    const whileOpen = (event: StoreEvent) => {
      if (!closed) this.clock.soon(() => closed || tell(event));
    };
    const watcher: Watcher = { prefix: range.prefix, tell: whileOpen };
    const close = () => {
      closed = true;
      this.watchers.delete(watcher);
    };
    if (range.fromRevision <= this.compacted) {
      whileOpen({ kind: "compacted" });
      return { close };
    }
    for (const { revision, changes } of this.kept) {
      if (revision >= range.fromRevision) tellChanges(watcher, revision, changes);
    }
    this.watchers.add(watcher);
    return { close };
  }

  compact(): void {
    this.compacted = this.kept.at(-1)?.revision ?? this.compacted;
    this.kept = [];
  }

  close(): void {
    this.watchers.clear();
    this.kept = [];
  }
}

function tellChanges({ prefix, tell }: Watcher, revision: bigint, all: readonly Change[]): void {
  const changes = all.filter((change) =>
    (change.kind === "put" ? change.entry.key : change.key).startsWith(prefix),
  );
  if (changes.length > 0) tell({ kind: "changes", revision, changes });
}
