import { DeleteResponseSchema } from "@infaas/api";
import { onlyPositional } from "../command/needs";
import type { Verb } from "../command/verb";
import { withClient } from "../connect";
import { deletionLines } from "../report/deletion-report";
import { messageSchema } from "../terminal/json-schema";

/** `infaas delete`: deletes a task, a model or one variant, and prints what is gone. */
export const remove: Verb = {
  name: "delete",
  usage: "NAME",
  summary: "delete a task, a model with all its versions, or one variant",
  options: {
    "with-models": {
      type: "boolean",
      doc: "Of a task: delete every model that is registered under it, too.",
    },
  },
  outcome: messageSchema(DeleteResponseSchema),
  async run(args, terminal) {
    const name = onlyPositional(args, "name");
    const withModels = args.flag("with-models");
    const deleted = await withClient(args, (client) => client.delete(name, { withModels }));
    terminal.result(deleted, () => deletionLines(deleted));
  },
};
