import type { PolicyName } from "@infaas/policy";
import type { HostTypeName } from "./models";
import type { Scenario } from "./scenario";
import { type Made, scenarioOf } from "./simulate-compare";

/**
 * The suite of `simulate infaas-evaluation`, fixed before its first result: the paper's three loads and the Twitter-like one in its
 * flavours, one model and many by Zipf, both objectives, both prices of Inferentia, hosts that start in 25 and 45 s. Each load runs
 * on hosts that it keeps one to some ten of busy; a short form of minutes is marked.
 */
const LOADS: readonly (Pick<Made, "workload" | "perSecond"> & {
  readonly types: readonly HostTypeName[];
  readonly isShort: boolean;
})[] = [
  { workload: "flat", perSecond: 4, types: ["cpu"], isShort: true },
  { workload: "steady", perSecond: 675, types: ["gpu"], isShort: true },
  { workload: "fluctuating", perSecond: 42, types: ["cpu"], isShort: true },
  { workload: "fluctuating", perSecond: 420, types: ["inferentia", "inferentia-later"], isShort: false },
  { workload: "twitter", perSecond: 64, types: ["cpu"], isShort: true },
  { workload: "twitter", perSecond: 640, types: ["inferentia", "inferentia-later"], isShort: false },
  { workload: "twitter-no-bursts", perSecond: 64, types: ["cpu"], isShort: false },
  { workload: "twitter-random-minutes", perSecond: 64, types: ["cpu"], isShort: false },
];
const OBJECTIVES = ["min-cost", "max-accuracy"] as const;

/** How long and how much. */
interface Form {
  readonly models: readonly number[];
  readonly bootSeconds: readonly number[];
  readonly seconds: number;
  readonly warmupSeconds: number;
  readonly seeds: readonly number[];
}

export const FORMS = {
  short: { models: [1], bootSeconds: [25], seconds: 360, warmupSeconds: 60, seeds: [1, 2] },
  long: {
    ...{ models: [1, 22], bootSeconds: [25, 45], seconds: 14_400, warmupSeconds: 120 },
    seeds: [1, 2, 3, 4, 5],
  },
} as const satisfies Record<string, Form>;
export type FormName = keyof typeof FORMS;

/** Production first: it is what the others are held against. */
export const SUITE_POLICIES: readonly PolicyName[] = [
  ...(["infaas", "infaas-paper", "static-best", "static-fast", "static-mix"] as const),
];
const MAX_HOSTS = 60;

/** Returns the scenarios of a form, in order. */
export function suiteOf(form: FormName): readonly Scenario[] {
  const { models, bootSeconds, seconds, warmupSeconds }: Form = FORMS[form];
  return LOADS.filter(({ isShort }) => isShort || form === "long").flatMap(({ workload, perSecond, types }) =>
    types.flatMap((type) =>
      models.flatMap((count) =>
        OBJECTIVES.flatMap((objective) =>
          bootSeconds.map((boot) =>
            scenarioOf({
              ...{ workload, type, objective, perSecond, seconds, warmupSeconds },
              ...{ models: count, maxHosts: MAX_HOSTS, bootSeconds: boot },
            }),
          ),
        ),
      ),
    ),
  );
}
