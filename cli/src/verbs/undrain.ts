import { onlyPositional } from "../command/needs";
import type { Verb } from "../command/verb";
import { withClient } from "../connect";
import { booleanSchema, objectSchema, textSchema } from "../terminal/json-schema";

/** `infaas undrain`: puts a drained executor back into service. */
export const undrain: Verb = {
  name: "undrain",
  usage: "EXECUTOR",
  summary: "put a drained executor back into service",
  options: {},
  outcome: objectSchema({ executor: textSchema, draining: booleanSchema }),
  async run(args, terminal) {
    const executor = onlyPositional(args, "executor name");
    await withClient(args, (client) => client.undrain(executor));
    terminal.result({ executor, draining: false }, () => [`${executor} takes new work`]);
  },
};
