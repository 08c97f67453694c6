import { type Candidate, candidateSentence, type Explanation, Verdict } from "@infaas/api";
import { paint, type Screen } from "../terminal/screen";
import { type Column, tableLines, textLines } from "../terminal/table";

/** Candidates that are shown of an explanation, the winner first. */
export const SHOWN_CANDIDATES = 5;

const columns: readonly Column[] = [{ head: "variant" }, { head: "executor" }, { head: "why", prose: true }];

/** Returns who answers and why the others do not, a sentence each; of more than `shown` how many there are. */
export function explanationLines(
  { summary, candidates, omitted }: Explanation,
  screen: Screen,
  shown: number = SHOWN_CANDIDATES,
): readonly string[] {
  const rows = candidates.slice(0, shown).map((candidate) => rowOf(candidate, screen));
  const hidden = candidates.length - rows.length;
  return [
    ...textLines(summary, screen.width),
    ...(rows.length === 0 ? [] : tableLines(columns, rows, screen)),
    ...moreLines(hidden, omitted),
  ];
}

function rowOf(candidate: Candidate, screen: Screen): readonly string[] {
  const sentence = candidateSentence(candidate);
  const isSelected = candidate.verdict === Verdict.SELECTED;
  return [candidate.variant, candidate.executor, isSelected ? paint(screen, "good", sentence) : sentence];
}

/** `omitted` were not told by the frontend, whose list is bounded. */
function moreLines(hidden: number, omitted: number): readonly string[] {
  const more = hidden + omitted;
  if (more === 0) return [];
  return [
    hidden === 0
      ? `and ${more} more`
      : `and ${more} more; 'infaas explain --all' shows ${omitted === 0 ? "them" : `${hidden} of them`}`,
  ];
}
