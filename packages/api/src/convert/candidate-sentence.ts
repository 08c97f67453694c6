import { type Candidate, Verdict } from "../gen/infaas/v1/types_pb";

/** Returns why a candidate lost, or that it won, as a sentence without its name. */
export function candidateSentence({ verdict, value, limit }: Candidate): string {
  const sentence = sentences[verdict];
  return sentence === undefined ? "not considered" : sentence(value, limit);
}

type Sentence = (value: number, limit: number) => string;

const sentences: Readonly<Partial<Record<Verdict, Sentence>>> = {
  [Verdict.SELECTED]: (predicted) => `answers, in ${ms(predicted)} as predicted`,
  [Verdict.ACCURACY_BELOW_FLOOR]: (has, floor) =>
    `accuracy ${has.toFixed(4)} is below the floor of ${floor.toFixed(4)}`,
  [Verdict.LATENCY_ABOVE_SLO]: (has, limit) => `would take ${ms(has)}, ${ms(limit)} are allowed`,
  [Verdict.COST_ABOVE_MAX]: (has, limit) => `costs ${usd(has)} per 1,000, ${usd(limit)} are allowed`,
  [Verdict.BATCH_TOO_LARGE]: (has, most) => `${has} rows are asked, ${most} are the most`,
  [Verdict.OVERLOADED]: () => "has more work than it gets done in time",
  [Verdict.INTERFERED]: () => "is slowed down by its neighbours",
  [Verdict.NOT_LOADED]: (has) => `is not loaded; with that it would take ${ms(has)}`,
  [Verdict.DEARER]: (has, winner) => `costs ${usd(has)} per 1,000, the winner ${usd(winner)}`,
  [Verdict.LESS_ACCURATE]: (has, winner) => `accuracy ${has.toFixed(4)}, the winner ${winner.toFixed(4)}`,
  [Verdict.NO_ROOM]: () => "finds no executor with memory for it",
  [Verdict.NO_EXECUTOR]: () => "finds no executor that takes work",
  [Verdict.OUTRANKED]: (has, winner) =>
    `equal by the objective, completes in ${ms(has)}, the winner in ${ms(winner)}`,
};

function ms(value: number): string {
  return `${value >= 100 ? value.toFixed(0) : value.toPrecision(3)} ms`;
}

/** Written out, without an exponent. */
function usd(value: number): string {
  if (value === 0) return "$0";
  const places = Math.max(2, 2 - Math.floor(Math.log10(Math.abs(value))));
  return `$${value.toFixed(Math.min(places, 20))}`;
}
