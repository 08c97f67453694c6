import type { GetPlanResponse } from "@infaas/api";
import type { Screen } from "../terminal/screen";
import { type Column, tableLines, textLines } from "../terminal/table";
import { freezeSentence } from "./scaling-report";

const stepColumns: readonly Column[] = [
  { head: "step" },
  { head: "host" },
  { head: "variant" },
  { head: "because", prose: true },
];

/** Returns what the leader would do now, and what it waits for. */
export function planLines(plan: GetPlanResponse, screen: Screen): readonly string[] {
  const sentences = [
    `hosts: ${plan.scaling?.summary ?? ""}`,
    ...(plan.freeze === undefined ? [] : [freezeSentence(plan.freeze)]),
    ...plan.lines.map(({ because }) => because),
    ...plan.waits.map((wait) => `waits: ${wait}`),
    ...(plan.steps.length === 0 ? ["nothing is to be done now"] : []),
  ];
  const steps = plan.steps.map(({ kind, host, variant, because }) => [kind, host, variant, because]);
  return [
    ...sentences.flatMap((sentence) => textLines(sentence, screen.width)),
    ...(steps.length === 0 ? [] : tableLines(stepColumns, steps, screen)),
  ];
}
