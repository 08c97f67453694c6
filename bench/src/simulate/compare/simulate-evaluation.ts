import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { percent } from "../text";
import { type Claim, claimsOf } from "./claims";
import { type Comparison, comparisonOf, plain, runsOf } from "./comparison";
import { describeScenario, describeWorld, tableOf } from "./describe";
import { figuresOf, type Outcome, usdOf } from "./outcome";
import { outcomesOf } from "./runs";
import { meanOf } from "./statistics";
import { FORMS, type FormName, SUITE_POLICIES, suiteOf } from "./suite";

/** `simulate infaas-evaluation [--form short|long] [--json FILE]`: the suite, what each policy cost and violated, and the claims. */
export async function simulateEvaluation(args: readonly string[]): Promise<string> {
  const { values } = parseArgs({
    args: [...args],
    options: { form: { type: "string", default: "short" }, json: { type: "string" } },
  });
  const form = (Object.keys(FORMS) as FormName[]).find((name) => name === values.form);
  if (form === undefined)
    throw new RangeError(`--form is '${values.form}'; allowed: ${Object.keys(FORMS).join(", ")}`);
  const { seeds } = FORMS[form];
  const scenarios = suiteOf(form);
  const runs = scenarios.map((scenario) => runsOf(scenario, SUITE_POLICIES, seeds));
  const outcomes: readonly Outcome[] = await outcomesOf(runs.flat());
  const size = SUITE_POLICIES.length * seeds.length;
  const comparisons = scenarios.map((scenario, n) =>
    comparisonOf(scenario, SUITE_POLICIES, seeds, outcomes.slice(n * size, (n + 1) * size)),
  );
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(comparisons, plain, 2)}\n`);
  return describeEvaluation(form, comparisons);
}

export function describeEvaluation(form: FormName, comparisons: readonly Comparison[]): string {
  const claims = comparisons.map(claimsOf);
  const all = claims.flat();
  const held = all.filter(({ miss }) => miss === null).length;
  const { seeds } = FORMS[form];
  return [
    `simulate infaas-evaluation: the ${form} form, seeds ${seeds.join(", ")}; cost in US dollars of the measured time, violations in shares of the queries`,
    ...comparisons.flatMap((comparison, n) => describeOne(comparison, claims[n] ?? [])),
    ...means(comparisons),
    `${held} of ${all.length} claims hold`,
  ].join("\n");
}

function describeOne(comparison: Comparison, claims: readonly Claim[]): readonly string[] {
  const { scenario, configuration, rows } = comparison;
  const [own] = rows;
  const oracle = own === undefined ? 0 : meanOf(own.bounds.map(({ oracleUsd }) => oracleUsd));
  return [
    "",
    `${describeScenario(scenario)}; configuration ${configuration}`,
    `  ${describeWorld(scenario)}`,
    ...tableOf([
      ["policy", "usd", "violations", "acc. served", "acc. offered", "used", "idle", "starts", "oracle"],
      ...rows.map(({ policy, outcomes, bounds }) => [
        policy,
        meanOf(outcomes.map(usdOf)).toFixed(4),
        percent(meanOf(outcomes.map((o) => 1 - figuresOf(o).attainment))),
        meanOf(outcomes.map((o) => figuresOf(o).accuracyServed)).toFixed(4),
        meanOf(outcomes.map((o) => figuresOf(o).accuracyOffered)).toFixed(4),
        percent(meanOf(outcomes.map((o) => partOf(o, "used")))),
        percent(meanOf(outcomes.map((o) => partOf(o, "idle")))),
        meanOf(outcomes.map((o) => o.starts)).toFixed(1),
        meanOf(bounds.map(({ oracleUsd }) => oracleUsd)).toFixed(4),
      ]),
    ]).map((line) => `  ${line}`),
    ...(oracle === 0 ? ["  nothing was answered: there is no bound"] : []),
    ...claims.map(
      ({ claim, found, miss }) =>
        `  ${miss === null ? "holds" : "MISSES"}: ${claim}: ${found}${miss === null ? "" : `; ${miss}`}`,
    ),
  ];
}

function partOf(o: Outcome, part: keyof Outcome["hostSeconds"]): number {
  return (o.hostSeconds[part] * o.usdPerHostSecond) / usdOf(o);
}

/** Costs beside production's in the geometric mean of all scenarios, each objective by itself. */
function means(comparisons: readonly Comparison[]): readonly string[] {
  const objectives = [...new Set(comparisons.map(({ scenario }) => scenario.classes[0]?.objective))];
  return [
    "",
    ...objectives.map((objective) => {
      const own = comparisons.filter(({ scenario }) => scenario.classes[0]?.objective === objective);
      const cells = SUITE_POLICIES.slice(1).map((policy, index) => {
        const ratios = own.map(({ rows }) => {
          const [first, other] = [rows[0], rows[index + 1]];
          return meanOf(other?.outcomes.map(usdOf) ?? []) / meanOf(first?.outcomes.map(usdOf) ?? []);
        });
        return `${policy} ${Math.exp(meanOf(ratios.map(Math.log))).toFixed(2)}x`;
      });
      return `${objective}: cost in times of ${SUITE_POLICIES[0]}'s, geometric mean: ${cells.join(", ")}`;
    }),
  ];
}
