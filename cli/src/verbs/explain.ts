import { needOptions, needsOf, onlyPositional } from "../command/needs";
import type { Verb } from "../command/verb";
import { withClient } from "../connect";
import { printExplanation, printRefusal } from "../report/refusal";

/** `infaas explain`: prints which variant a query would get now and why each other lost. */
export const explain: Verb = {
  name: "explain",
  usage: "TARGET",
  summary: "which variant a query would get now, and why the others lost",
  options: {
    ...needOptions,
    rows: { type: "number", whole: true, least: 1, doc: "Rows of the query.", default: 1 },
  },
  async run(args, terminal) {
    const target = onlyPositional(args, "task, architecture or variant");
    const answer = await withClient(args, (c) => c.explain(target, needsOf(args), args.number("rows") ?? 1));
    terminal.result(answer, () => {
      if (answer.explanation !== undefined) printExplanation(answer.explanation, terminal);
      if (answer.refusal !== undefined) printRefusal(answer.refusal, terminal);
    });
  },
};
