import type { Receipt } from "@infaas/api";
import { type Answer, numbersOf, type Requirements, type Tensor, textsOf } from "@infaas/client";
import type { Screen } from "../terminal/screen";
import { tableLines, textLines } from "../terminal/table";
import { explanationLines } from "./explanation-report";
import { ms, percent, usd } from "./format";

/** One answered query, and what was asked for. */
export interface Answered {
  readonly answer: Answer;
  /** What the task calls the places of its scores; none: it has no labels. */
  readonly labels: readonly string[];
  readonly needs: Requirements;
}

/** Returns the best labels or the outputs, where time and money went, and why it was this variant where that was asked. */
export function answerLines({ answer, labels, needs }: Answered, screen: Screen): readonly string[] {
  const [first] = answer.outputs;
  const isLabelled = labels.length > 0 && first !== undefined;
  return [
    ...(isLabelled
      ? bestLines(numbersOf(first), labels)
      : answer.outputs.flatMap((o) => outputLines(o, screen))),
    ...receiptLines(answer.receipt, needs, screen),
    ...(answer.explanation === undefined ? [] : explanationLines(answer.explanation, screen)),
  ];
}

/** Labels that are shown, the best. */
const LABELS_SHOWN = 3;

function bestLines(scores: readonly number[], labels: readonly string[]): readonly string[] {
  const best = scores.map((score, index) => ({ score, index })).sort((x, y) => y.score - x.score);
  return best
    .slice(0, LABELS_SHOWN)
    .map(({ score, index }) => `${(labels[index] ?? `class ${index}`).padEnd(16)} ${score.toFixed(4)}`);
}

/** Values shown of each output; `--json` has them all. */
const VALUES_SHOWN = 8;

function outputLines(output: Tensor, { width }: Screen): readonly string[] {
  const values = valuesOf(output);
  const shown = values.slice(0, VALUES_SHOWN).map((value) => JSON.stringify(value));
  const rest = values.length > VALUES_SHOWN ? `, ... ${values.length - VALUES_SHOWN} more` : "";
  return textLines(`${output.name} [${output.shape.join(", ")}] ${shown.join(", ")}${rest}`, width);
}

/** Elements of an output, as `--json` prints them. */
export function valuesOf(tensor: Tensor): readonly (number | string)[] {
  return tensor.datatype === "BYTES" ? textsOf(tensor) : numbersOf(tensor);
}

function receiptLines(r: Receipt, needs: Requirements, screen: Screen): readonly string[] {
  const floor = needs.minAccuracy === undefined ? "" : ` (asked for ≥ ${percent(needs.minAccuracy)})`;
  const objective = needs.latencyMs === undefined ? "" : ` (asked for ≤ ${ms(needs.latencyMs)})`;
  const measured =
    r.accuracy === undefined ? "not measured" : `${percent(r.accuracy.value)} on ${r.accuracy.dataset}`;
  const notes = [
    r.cold ? `waited for a load: ${r.coldPhases.map(coldText).join(", ")}` : "",
    r.downgraded ? "load forced a lesser variant" : "",
  ].filter(Boolean);
  const rows = [
    ["variant", r.variant],
    ["executor", r.device === "" ? r.executor : `${r.executor}, on its ${r.device}`],
    ["accuracy", `${measured}${floor}`],
    ["batch", String(r.batchSize)],
    ["latency", `${ms(r.totalMs)}${objective}`],
    [
      "  of which",
      stagesOf(r)
        .map(([name, value]) => `${name} ${ms(value)}`)
        .join(", "),
    ],
    ["cost", `${usd(r.costUsd * 1000)} per 1,000 queries`],
    ...(notes.length === 0 ? [] : [["note", notes.join("; ")]]),
    ...(r.traceId === "" ? [] : [["trace", r.traceId]]),
  ];
  return tableLines([{ head: "" }, { head: "", prose: true }], rows, screen);
}

function stagesOf(r: Receipt): readonly (readonly [string, number])[] {
  return [
    ["select", r.selectMs],
    ["network", r.networkMs],
    ...(r.adaptMs === 0 ? [] : [["adapt", r.adaptMs] as const]),
    ["queue", r.queueMs],
    ["gather", r.gatherMs],
    ["compute", r.computeMs],
    ["scatter", r.scatterMs],
  ];
}

function coldText({ phase, ms: took, expectedMs }: Receipt["coldPhases"][number]): string {
  return `${phase} ${ms(took)}${expectedMs === undefined ? "" : ` (expected ${ms(expectedMs)})`}`;
}
