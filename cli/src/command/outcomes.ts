import { RefusalSchema } from "@infaas/api";
import {
  documentOf,
  type JsonSchema,
  messageSchema,
  objectSchema,
  textSchema,
} from "../terminal/json-schema";
import type { Verb } from "./verb";

/** What `--json` prints of a command that was refused or failed; `refusal` where there are offers or a time to try again. */
export const failureSchema: JsonSchema = objectSchema({
  error: objectSchema({ code: textSchema, message: textSchema, status: { enum: [1, 2, 3] } }),
  "refusal?": messageSchema(RefusalSchema),
});

/** Returns the schema of what these verbs print with `--json`, each under the name of its verb, failures under `failure`. */
export function outcomesSchema(verbs: readonly Verb[]): JsonSchema {
  const told = verbs.flatMap(({ name, outcome }) =>
    outcome === undefined ? [] : [[name, outcome] as const],
  );
  return documentOf({ ...Object.fromEntries(told), failure: failureSchema });
}
