import { fixedVariantPolicy } from "./compat/fixed-variant";
import { infaasPaper } from "./compat/infaas-paper";
import { none } from "./compat/none";
import { proteus } from "./compat/proteus";
import { readSettings } from "./compat/settings";
import { slackfit } from "./compat/slackfit";
import { staticMix } from "./compat/static-mix";
import { wva } from "./compat/wva";
import { infaas, type Policy } from "./policy";

/** Names of the policies there are. */
export const policyNames = [
  ...(["infaas", "infaas-paper", "static-best", "static-fast"] as const),
  ...(["static-mix", "none", "slackfit", "proteus", "wva"] as const),
] as const;
export type PolicyName = (typeof policyNames)[number];

/** What makes each policy from what it is told. */
const makers: Readonly<Record<PolicyName, (told: readonly string[]) => Policy>> = {
  infaas: toldNothing(infaas),
  "infaas-paper": toldNothing(infaasPaper),
  "static-best": toldNothing(fixedVariantPolicy("static-best", ({ accuracy }) => accuracy)),
  "static-fast": toldNothing(
    fixedVariantPolicy("static-fast", ({ variant }) => variant.profile.saturationPerSecond),
  ),
  "static-mix": staticMix,
  none: toldNothing(none),
  slackfit: toldNothing(slackfit),
  proteus,
  wva,
};

/**
 * Returns what selects and plans, by name. `told`: texts such as `period-s=30` for `proteus`, or `digits/uci=40`, a peak in queries
 * per second, for `static-mix`. Throws a RangeError for what the policy cannot be told.
 */
export function policyNamed(name: PolicyName, told: readonly string[] = []): Policy {
  return makers[name](told);
}

function toldNothing(policy: Policy): (told: readonly string[]) => Policy {
  return (told) => {
    readSettings(policy.name, {}, told);
    return policy;
  };
}
