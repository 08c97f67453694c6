import type { PlanFreeze } from "@infaas/api";
import { GetPlanResponseSchema, PlanFreezeSchema } from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";
import type { Arguments, Verb } from "../command/verb";
import { withClient } from "../connect";
import { planLines } from "../report/plan-report";
import { freezeSentence } from "../report/scaling-report";
import { booleanSchema, messageSchema, objectSchema } from "../terminal/json-schema";

/** With `--freeze` and `--unfreeze`. */
const frozenSchema = objectSchema({ frozen: booleanSchema, "freeze?": messageSchema(PlanFreezeSchema) });

/** `infaas plan`: prints what the leader would do now; freezes plans, or has them carried out again. */
export const plan: Verb = {
  name: "plan",
  usage: "",
  summary: "what would be done now about hosts and instances; stop doing it, or go on",
  options: {
    freeze: { type: "boolean", doc: "Have plans made, and not carried out, until --unfreeze." },
    unfreeze: { type: "boolean", doc: "Have plans carried out again." },
  },
  outcome: { anyOf: [messageSchema(GetPlanResponseSchema), frozenSchema] },
  async run(args, terminal) {
    const frozen = wish(args);
    if (frozen !== null) {
      const { freeze } = await withClient(args, (client) => client.freezePlan(frozen));
      terminal.result({ frozen, freeze }, () => [doneSentence(freeze)]);
      return;
    }
    const made = await withClient(args, (client) => client.plan());
    terminal.result(made, (screen) => planLines(made, screen));
  },
};

/** Null: neither is asked for. */
function wish(args: Arguments): boolean | null {
  const [freeze, unfreeze] = [args.flag("freeze"), args.flag("unfreeze")];
  if (freeze && unfreeze)
    throw new ServiceError(Code.INVALID_ARGUMENT, "--freeze and --unfreeze exclude each other");
  return freeze || unfreeze ? freeze : null;
}

function doneSentence(freeze: PlanFreeze | undefined): string {
  return freeze === undefined ? "plans are carried out" : freezeSentence(freeze);
}
