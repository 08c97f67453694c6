import type { Outcomes } from "./check-all";
import type { Outcome } from "./check-model";

/** One line on a model as it is checked. */
export function outcomeLine(name: string, outcome: Outcome): string {
  return `${outcome.kind.padEnd(8)} ${name}: ${told(outcome).replaceAll("\n", " ")}`;
}

/** A summary: how many models came out how, and all that are not right. */
export function summary(outcomes: Outcomes): string {
  const all = [...outcomes];
  const of = (kind: Outcome["kind"]) => all.filter(([, outcome]) => outcome.kind === kind);
  const right = all.flatMap(([, outcome]) => (outcome.kind === "right" ? [outcome] : []));
  const batched = right.filter(({ batching }) => batching === "batched").length;
  const lines = [
    `${all.length} models: ${right.length} right, ${of("wrong").length} wrong, ${of("refused").length} refused, ${of("unopened").length} not opened by the engine`,
    `${right.reduce((sum, { queries }) => sum + queries, 0)} queries; ${batched} models batched, ${right.length - batched} one request at a time`,
    `${right.filter(({ byExample }) => byExample).length} registered by example, ${right.filter(({ unprofiled }) => unprofiled).length} without a known input, ${right.filter(({ atRandom }) => atRandom).length} random by nature`,
    ...[...of("wrong"), ...of("refused"), ...of("unopened")].map(([name, o]) => outcomeLine(name, o)),
  ];
  return `${lines.join("\n")}\n`;
}

/** A table for documents, a row for each model. */
export function markdownTable(outcomes: Outcomes): string {
  const rows = [...outcomes].map(
    ([name, outcome]) => `| ${name} | ${outcome.kind} | ${cell(told(outcome))} |`,
  );
  return ["| model | outcome | batching, or why |", "| --- | --- | --- |", ...rows, ""].join("\n");
}

function told(outcome: Outcome): string {
  if (outcome.kind !== "right") return outcome.why;
  const notes = [
    outcome.byExample ? "by example" : "",
    outcome.unprofiled ? "unprofiled" : "",
    outcome.atRandom ? "random by nature" : "",
  ];
  return [outcome.batching, ...notes.filter(Boolean)].join("; ");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ").slice(0, 200);
}
