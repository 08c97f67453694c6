import { type ExplainResponse, ExplainResponseSchema } from "@infaas/api";
import { sleep, systemClock } from "@infaas/runtime";
import { needOptions, needsOf, onlyPositional } from "../command/needs";
import type { Verb } from "../command/verb";
import { withClient } from "../connect";
import { messageSchema } from "../terminal/json-schema";
import { jsonText } from "../terminal/json-text";
import { paint } from "../terminal/screen";

/** `infaas watch`: prints which variant would answer such a query, now and each time that changes. */
export const watch: Verb = {
  name: "watch",
  usage: "TARGET",
  summary: "which variant would answer such a query, now and each time that changes, until Ctrl-C",
  options: {
    ...needOptions,
    rows: { type: "number", whole: true, least: 1, doc: "Rows of the query.", default: 1 },
    every: {
      type: "number",
      unit: "ms",
      least: 100,
      doc: "Pause between two looks, milliseconds or with a unit.",
      default: 1_000,
    },
    times: { type: "number", whole: true, least: 1, doc: "Answers after which it ends; none: it goes on." },
  },
  outcome: messageSchema(ExplainResponseSchema),
  async run(args, terminal) {
    const target = onlyPositional(args, "task, architecture or variant");
    const [needs, rows] = [needsOf(args), args.number("rows") ?? 1];
    const times = args.number("times") ?? Number.POSITIVE_INFINITY;
    await withClient(args, async (client) => {
      let before = "";
      for (let told = 0; told < times; ) {
        const answer = await client.explain(target, needs, rows);
        const answers = answersText(answer);
        if (answers !== before) {
          const time = new Date(systemClock.epochMs()).toISOString();
          const line = `${time} ${paint(terminal.screen, "head", answers)}: ${answer.explanation?.summary ?? ""}`;
          terminal.print(terminal.json ? jsonText(answer, 0) : line);
          told += 1;
        }
        before = answers;
        if (told < times) await sleep(systemClock, args.number("every") ?? 1_000);
      }
    });
  },
};

/** Who answers; why nobody does. */
function answersText({ variant, executor, refusal }: ExplainResponse): string {
  return variant === "" ? `nobody (${refusal?.reason ?? "refused"})` : `${variant} on ${executor}`;
}
