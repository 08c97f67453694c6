import type { Receipt } from "@infaas/api";
import { type Answer, numbersOf, type Requirements, type Tensor, textsOf } from "@infaas/client";
import { needOptions, needsOf, onlyPositional } from "../command/needs";
import type { Verb } from "../command/verb";
import { withClient } from "../connect";
import { givenInput, targetOf, tensorsFor } from "../query-input";
import { ms, percent, usd } from "../report/format";
import { printExplanation } from "../report/refusal";
import type { Terminal } from "../terminal/terminal";

/** `infaas query`: sends one query by requirement and prints answer and receipt. */
export const query: Verb = {
  name: "query",
  usage: "TARGET",
  summary: "ask one query; prints the answer and where time and money went",
  options: {
    image: {
      type: "string",
      doc: "Picture file, JPEG, PNG or WebP; the server turns it into what the model takes.",
    },
    text: { type: "string", doc: "Text, for tasks that take text." },
    tensor: { type: "string", doc: "JSON file: {inputs: [{name, datatype, shape, data}]}." },
    ...needOptions,
    explain: { type: "boolean", doc: "Also print why this variant." },
    timeout: {
      type: "number",
      unit: "ms",
      positive: true,
      doc: "Deadline of the call, milliseconds or with a unit: 500ms, 2s.",
      default: 60_000,
    },
  },
  async run(args, terminal) {
    const target = onlyPositional(args, "task, architecture or variant");
    const needs = needsOf(args);
    const given = givenInput(args);
    const { answer, labels } = await withClient(args, async (client) => {
      const found = targetOf(await client.listModels(), target);
      const inputs = tensorsFor(given, found);
      const options = { explain: args.flag("explain"), timeoutMs: args.number("timeout") ?? 60_000 };
      return { answer: await client.query(target, inputs, needs, options), labels: found.task.labels };
    });
    const outputs = answer.outputs.map((o) => ({ name: o.name, shape: o.shape, values: valuesOf(o) }));
    terminal.result({ outputs, receipt: answer.receipt, explanation: answer.explanation }, () =>
      printAnswer({ answer, labels, needs }, terminal),
    );
  },
};

function printAnswer(
  a: { answer: Answer; labels: readonly string[]; needs: Requirements },
  terminal: Terminal,
) {
  const [first] = a.answer.outputs;
  if (a.labels.length > 0 && first !== undefined) printBest(numbersOf(first), a.labels, terminal);
  else printOutputs(a.answer.outputs, terminal);
  printReceipt(a.answer, a.needs, terminal);
  if (a.answer.explanation !== undefined) printExplanation(a.answer.explanation, terminal);
}

function printBest(scores: readonly number[], labels: readonly string[], terminal: Terminal) {
  const best = scores.map((score, index) => ({ score, index })).sort((x, y) => y.score - x.score);
  for (const { score, index } of best.slice(0, 3)) {
    terminal.print(`${(labels[index] ?? `class ${index}`).padEnd(16)} ${score.toFixed(4)}`);
  }
}

/** Values shown of each output; `--json` has them all. */
const VALUES_SHOWN = 8;

function printOutputs(outputs: readonly Tensor[], terminal: Terminal) {
  for (const output of outputs) {
    const values = valuesOf(output);
    const shown = values.slice(0, VALUES_SHOWN).map((value) => JSON.stringify(value));
    const rest = values.length > VALUES_SHOWN ? `, ... ${values.length - VALUES_SHOWN} more` : "";
    terminal.print(`${output.name} [${output.shape.join(", ")}] ${shown.join(", ")}${rest}`);
  }
}

function valuesOf(tensor: Tensor): readonly (number | string)[] {
  return tensor.datatype === "BYTES" ? textsOf(tensor) : numbersOf(tensor);
}

function printReceipt({ receipt: r }: Answer, needs: Requirements, terminal: Terminal) {
  const floor = needs.minAccuracy === undefined ? "" : ` (asked for ≥ ${percent(needs.minAccuracy)})`;
  const objective = needs.latencyMs === undefined ? "" : ` (asked for ≤ ${ms(needs.latencyMs)})`;
  const measured =
    r.accuracy === undefined ? "not measured" : `${percent(r.accuracy.value)} on ${r.accuracy.dataset}`;
  const stages: readonly (readonly [string, number])[] = [
    ["select", r.selectMs],
    ["network", r.networkMs],
    ...(r.adaptMs === 0 ? [] : [["adapt", r.adaptMs] as const]),
    ["queue", r.queueMs],
    ["gather", r.gatherMs],
    ["compute", r.computeMs],
    ["scatter", r.scatterMs],
  ];
  const notes = [
    r.cold ? `waited for a load: ${r.coldPhases.map(coldText).join(", ")}` : "",
    r.downgraded ? "load forced a lesser variant" : "",
  ].filter(Boolean);
  terminal.table(
    [],
    [
      ["variant", r.variant],
      ["executor", r.executor],
      ["accuracy", `${measured}${floor}`],
      ["batch", String(r.batchSize)],
      ["latency", `${ms(r.totalMs)}${objective}`],
      ["  of which", stages.map(([name, value]) => `${name} ${ms(value)}`).join(", ")],
      ["cost", `${usd(r.costUsd * 1000)} per 1,000 queries`],
      ...(notes.length === 0 ? [] : [["note", notes.join("; ")]]),
    ],
  );
}

function coldText({ phase, ms: took, expectedMs }: Receipt["coldPhases"][number]): string {
  return `${phase} ${ms(took)}${expectedMs === undefined ? "" : ` (expected ${ms(expectedMs)})`}`;
}
