import type { FoundModel } from "./find-models";

/** How long files have to rest before they are read, and a model has to be away before it is deleted, ms. */
export const REST_MS = 2_000;
/** Pause before what failed because nobody answered is tried again, ms. */
export const RETRY_MS = 10_000;

/** What is remembered of a model of the folder, by its name. */
export interface KnownModel {
  /** As it was seen last; null: it is not there any more. */
  readonly signature: string | null;
  /** Since when it has been so. */
  readonly sinceMs: number;
  /** Signature of what is registered; null: nothing of this folder is. */
  readonly registered: string | null;
  /** Signature that was refused; it is not tried again until it changes. */
  readonly refused: string | null;
  /** No attempt before this time. */
  readonly notBeforeMs: number;
}

/** What is to be done for a folder. */
export interface FolderPlan {
  readonly known: ReadonlyMap<string, KnownModel>;
  readonly register: readonly FoundModel[];
  /** Names of models to delete. */
  readonly remove: readonly string[];
}

const unseen = { signature: null, sinceMs: 0, registered: null, refused: null, notBeforeMs: 0 };

/**
 * Returns what to register and to delete: what has rested for `REST_MS` and is not what is registered or was refused, and what is
 * registered and has been away for as long. A file that is being written, or replaced by another, is waited for.
 */
export function planFolder(
  known: ReadonlyMap<string, KnownModel>,
  found: readonly FoundModel[],
  nowMs: number,
): FolderPlan {
  const there = new Map(found.map((model) => [model.name, model]));
  const names = new Set([...known.keys(), ...there.keys()]);
  const seen = [...names].map((name): readonly [string, KnownModel] => {
    const before = known.get(name) ?? { ...unseen, sinceMs: nowMs };
    const signature = there.get(name)?.signature ?? null;
    return [name, signature === before.signature ? before : { ...before, signature, sinceMs: nowMs }];
  });
  const isDue = ({ sinceMs, notBeforeMs }: KnownModel) => nowMs >= Math.max(sinceMs + REST_MS, notBeforeMs);
  const due = seen.filter(([, model]) => isDue(model));
  const isNew = ({ signature, registered, refused }: KnownModel) =>
    signature !== registered && signature !== refused;
  return {
    // What is neither there nor registered is forgotten.
    known: new Map(seen.filter(([, { signature, registered }]) => signature !== null || registered !== null)),
    register: due.flatMap(([name, model]) => (isNew(model) ? (there.get(name) ?? []) : [])),
    remove: due
      .filter(([, { signature, registered }]) => signature === null && registered !== null)
      .map(([name]) => name),
  };
}
