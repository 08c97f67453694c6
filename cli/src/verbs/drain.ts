import { onlyPositional } from "../command/needs";
import type { Verb } from "../command/verb";
import { withClient } from "../connect";
import { booleanSchema, objectSchema, textSchema } from "../terminal/json-schema";

/** `infaas drain`: takes an executor out of service after its queries are answered. */
export const drain: Verb = {
  name: "drain",
  usage: "EXECUTOR",
  summary: "take an executor out of service once its queue is empty",
  options: {},
  outcome: objectSchema({ executor: textSchema, draining: booleanSchema }),
  async run(args, terminal) {
    const executor = onlyPositional(args, "executor name");
    await withClient(args, (client) => client.drain(executor));
    terminal.result({ executor, draining: true }, () => [`${executor} takes no new work and is draining`]);
  },
};
