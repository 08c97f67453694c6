import { GetStatusResponseSchema } from "@infaas/api";
import type { InfaasClient } from "@infaas/client";
import { Code, ServiceError } from "@infaas/runtime";
import type { Verb } from "../command/verb";
import { withClient } from "../connect";
import { type Attention, attentionOf, attentionSchema } from "../report/attention-report";
import { statusLines } from "../report/status-report";
import { extendedSchema, listSchema } from "../terminal/json-schema";

/** `infaas status`: prints hosts, instances, what needs attention and the age of the frontend's snapshot. */
export const status: Verb = {
  name: "status",
  usage: "",
  summary: "hosts, instances, variants that need attention, how fresh the frontend's snapshot is",
  options: {},
  outcome: extendedSchema(GetStatusResponseSchema, { attention: listSchema(attentionSchema) }),
  async run(args, terminal) {
    const { now, attention } = await withClient(args, async (client) => ({
      now: await client.status(),
      attention: await attentionAt(client),
    }));
    terminal.result({ ...now, attention }, (screen) => statusLines(now, attention, screen));
  },
};

/** A token that may operate need not be one that may list models: none then. */
async function attentionAt(client: InfaasClient): Promise<Attention[]> {
  try {
    return attentionOf(await client.listModels());
  } catch (fault) {
    if (ServiceError.from(fault).code === Code.PERMISSION_DENIED) return [];
    throw fault;
  }
}
