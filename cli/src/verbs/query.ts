import { ExplanationSchema, ReceiptSchema } from "@infaas/api";
import { needOptions, needsOf, onlyPositional } from "../command/needs";
import type { Verb } from "../command/verb";
import { addressNamed, withClient } from "../connect";
import { givenInput, targetOf, tensorsFor } from "../query-input";
import { answerLines, valuesOf } from "../report/answer-report";
import { listSchema, messageSchema, numberSchema, objectSchema, textSchema } from "../terminal/json-schema";

/** Values are flat, row by row; texts of BYTES. */
const outputSchema = objectSchema({
  name: textSchema,
  shape: listSchema(numberSchema),
  values: listSchema({ type: ["number", "string", "null"] }),
});

import { traced } from "../traced";

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
  outcome: objectSchema({
    outputs: listSchema(outputSchema),
    receipt: messageSchema(ReceiptSchema),
    "explanation?": messageSchema(ExplanationSchema),
  }),
  async run(args, terminal) {
    const target = onlyPositional(args, "task, architecture or variant");
    const needs = needsOf(args);
    const given = givenInput(args);
    const { answer, labels } = await withClient(args, async (client) => {
      const found = targetOf(await client.listModels(), target);
      const inputs = tensorsFor(given, found);
      const options = { explain: args.flag("explain"), timeoutMs: args.number("timeout") ?? 60_000 };
      const answer = await traced({ target, address: addressNamed(args) }, (traceparent) =>
        client.query(target, inputs, needs, { ...options, ...(traceparent === null ? {} : { traceparent }) }),
      );
      return { answer, labels: found.task.labels };
    });
    const outputs = answer.outputs.map((o) => ({ name: o.name, shape: o.shape, values: valuesOf(o) }));
    terminal.result({ outputs, receipt: answer.receipt, explanation: answer.explanation }, (screen) =>
      answerLines({ answer, labels, needs }, screen),
    );
  },
};
