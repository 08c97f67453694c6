import leven from "leven";

/** Most edits between a word and what it was meant to be. */
const EDITS_TAKEN = 2;

/** Returns `; did you mean 'X'?` for the candidate that a word is nearly, and nothing where none is. */
export function didYouMean(word: string, candidates: readonly string[]): string {
  const begun = word.length > 1 ? candidates.filter((each) => each.startsWith(word)) : [];
  const near = candidates
    .map((candidate) => ({ candidate, edits: leven(word, candidate) }))
    .filter(({ candidate, edits }) => edits <= EDITS_TAKEN && edits * 2 <= candidate.length)
    .sort((a, b) => a.edits - b.edits);
  const found = near[0]?.candidate ?? (begun.length === 1 ? begun[0] : undefined);
  return found === undefined ? "" : `; did you mean '${found}'?`;
}
