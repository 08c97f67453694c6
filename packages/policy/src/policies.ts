import { infaasPaper } from "./compat/infaas-paper";
import { infaas, type Policy } from "./policy";

/** Names of the policies there are. */
export const policyNames = ["infaas", "infaas-paper"] as const;

/** What selects and plans, by name. */
export const policies: Readonly<Record<(typeof policyNames)[number], Policy>> = {
  infaas,
  "infaas-paper": infaasPaper,
};
