import { ExplainResponseSchema } from "@infaas/api";
import { needOptions, needsOf, onlyPositional } from "../command/needs";
import type { Verb } from "../command/verb";
import { withClient } from "../connect";
import { explanationLines, SHOWN_CANDIDATES } from "../report/explanation-report";
import { refusalLines } from "../report/refusal";
import { messageSchema } from "../terminal/json-schema";

/** `infaas explain`: prints which variant a query would get now and why each other lost. */
export const explain: Verb = {
  name: "explain",
  usage: "TARGET",
  summary: "which variant a query would get now, and why the others lost",
  options: {
    ...needOptions,
    rows: { type: "number", whole: true, least: 1, doc: "Rows of the query.", default: 1 },
    all: { type: "boolean", doc: "Every candidate that the frontend tells of, in place of the first five." },
  },
  outcome: messageSchema(ExplainResponseSchema),
  async run(args, terminal) {
    const target = onlyPositional(args, "task, architecture or variant");
    const answer = await withClient(args, (c) => c.explain(target, needsOf(args), args.number("rows") ?? 1));
    const { explanation, refusal } = answer;
    const shown = args.flag("all") ? Number.POSITIVE_INFINITY : SHOWN_CANDIDATES;
    terminal.result(answer, (screen) => [
      ...(explanation === undefined ? [] : explanationLines(explanation, screen, shown)),
      ...(refusal === undefined ? [] : refusalLines(refusal, screen)),
    ]);
  },
};
