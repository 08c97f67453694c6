import type { Task } from "@infaas/api";
import type { Screen } from "../terminal/screen";
import { textLines } from "../terminal/table";
import { tensorSpecText } from "./tensor-spec";

/** Labels shown of a task. */
const LABELS_SHOWN = 8;

/** Returns the signature of a task and its labels. */
export function taskLines(
  { name, version, signature, labels, metric }: Task,
  { width }: Screen,
): readonly string[] {
  return [
    `${name} version ${version}, measured by ${metric}`,
    ...(signature?.inputs ?? []).map((spec) => `input   ${tensorSpecText(spec)}`),
    ...(signature?.outputs ?? []).map((spec) => `output  ${tensorSpecText(spec)}`),
    ...(signature === undefined ? ["no signature yet: its first architecture gives it"] : []),
    ...(labels.length === 0 ? [] : [`labels  ${labels.length}: ${firstOf(labels)}`]),
  ].flatMap((line) => textLines(line, width));
}

function firstOf(labels: readonly string[]): string {
  const more = labels.length > LABELS_SHOWN ? `, ... ${labels.length - LABELS_SHOWN} more` : "";
  return `${labels.slice(0, LABELS_SHOWN).join(", ")}${more}`;
}
