import { ListChangesResponseSchema } from "@infaas/api";
import { systemClock } from "@infaas/runtime";
import type { Verb } from "../command/verb";
import { withClient } from "../connect";
import { changesLines } from "../report/changes-report";
import { messageSchema } from "../terminal/json-schema";

/** `infaas why`: prints what changed lately and why, and what loads took. */
export const why: Verb = {
  name: "why",
  usage: "[HOST | VARIANT | ARCHITECTURE]",
  summary: "what changed lately and why, and what loads took by phase",
  options: {},
  outcome: messageSchema(ListChangesResponseSchema),
  async run(args, terminal) {
    const [subject = ""] = args.positionals;
    const told = await withClient(args, (client) => client.changes(subject));
    terminal.result(told, (screen) => changesLines(told, systemClock.epochMs(), screen));
  },
};
