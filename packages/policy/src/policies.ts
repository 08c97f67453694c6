import { fixedVariantPolicy } from "./compat/fixed-variant";
import { infaasPaper } from "./compat/infaas-paper";
import { infaas, type Policy } from "./policy";

/** Names of the policies there are. */
export const policyNames = ["infaas", "infaas-paper", "static-best", "static-fast"] as const;

/** What selects and plans, by name. */
export const policies: Readonly<Record<(typeof policyNames)[number], Policy>> = {
  infaas,
  "infaas-paper": infaasPaper,
  "static-best": fixedVariantPolicy("static-best", ({ accuracy }) => accuracy),
  "static-fast": fixedVariantPolicy("static-fast", ({ variant }) => variant.profile.saturationPerSecond),
};
