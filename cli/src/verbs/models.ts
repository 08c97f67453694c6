import { ListModelsResponseSchema } from "@infaas/api";
import type { Verb } from "../command/verb";
import { withClient } from "../connect";
import { modelsLines } from "../report/models-report";
import { messageSchema } from "../terminal/json-schema";

/** `infaas models`: prints everything registered with its profile. */
export const models: Verb = {
  name: "models",
  usage: "[TASK]",
  summary: "tasks, architectures and variants with what was measured",
  options: {},
  outcome: messageSchema(ListModelsResponseSchema),
  async run(args, terminal) {
    const listed = await withClient(args, (client) => client.listModels(args.positionals[0]));
    terminal.result(listed, (screen) => modelsLines(listed, screen));
  },
};
