import { percent } from "../text";
import type { Comparison, Row } from "./comparison";
import { type Figures, figuresOf, type Outcome, usdOf, type Violations } from "./outcome";
import { type Scenario, WORLD } from "./scenario";
import { type Estimate, meanOf } from "./statistics";

/** Returns a comparison as one table, means over the seeds, with differences to the first policy below it. */
export function describeComparison({ scenario, configuration, seeds, rows }: Comparison): string {
  return [
    `simulate compare: ${describeScenario(scenario)}`,
    `taken as: ${describeWorld(scenario)}`,
    `seeds ${seeds.join(", ")}, configuration ${configuration}; means over seeds, dollars of the measured time`,
    ...tableOf([HEADER, ...rows.map(cellsOf)]),
    ...differencesOf(rows),
  ].join("\n");
}

export function describeScenario({
  name,
  classes,
  workload,
  perSecond,
  seconds,
  warmupSeconds,
}: Scenario): string {
  const [first] = classes;
  const floor = first?.minAccuracy ?? null;
  return `${name}, ${classes.length} classes, ${first?.objective}, ${floor === null ? "no floor" : `${floor} or better`} within ${first?.latencyMs} ms; ${workload} at ${perSecond}/s for ${seconds} s, the first ${warmupSeconds} s left out`;
}

export function describeWorld({ host, maxHosts, bootMs }: Scenario): string {
  const { hopMs, noise, billedMinMs, figuresDelayMs, frontends } = WORLD;
  return `hosts of ${host.cores} cores at $${host.pricePerHourUsd} an hour, up to ${maxHosts}, there after ${bootMs / 1_000} s and billed for ${billedMinMs / 1_000} s at the least; ${frontends} frontend, hop ${hopMs} ms each way, noise of service times ${noise}, figures ${figuresDelayMs} ms late and none lost, decisions take no time`;
}

const HEADER = [
  ...[
    "policy",
    "goodput/s",
    "in time",
    "late",
    "shed",
    "refused",
    "cold",
    "lost",
    "acc. served",
    "acc. offered",
  ],
  ...[
    "usd",
    "used",
    "headroom",
    "boot",
    "idle",
    "loads",
    "starts",
    "reversals",
    "fluid",
    "oracle",
    "of oracle",
  ],
];

function cellsOf({ policy, outcomes, bounds }: Row): readonly string[] {
  const mean = (of: (figures: Figures) => number) => meanOf(outcomes.map((o) => of(figuresOf(o))));
  const share = (of: keyof Violations) =>
    percent(meanOf(outcomes.map((o) => o.violations[of] / Math.max(1, o.offered))));
  const usd = (of: keyof Outcome["hostSeconds"]) =>
    dollars(meanOf(outcomes.map((o) => o.hostSeconds[of] * o.usdPerHostSecond)));
  const count = (of: "loads" | "starts" | "reversals") => meanOf(outcomes.map((o) => o[of])).toFixed(1);
  const oracle = bounds.map(({ oracleUsd }) => oracleUsd);
  return [
    policy,
    mean((f) => f.goodputPerSecond).toFixed(2),
    percent(mean((f) => f.attainment)),
    ...(["late", "shed", "refused", "cold", "lost"] as const).map(share),
    mean((f) => f.accuracyServed).toFixed(4),
    mean((f) => f.accuracyOffered).toFixed(4),
    dollars(meanOf(outcomes.map(usdOf))),
    ...(["used", "headroom", "boot", "idle"] as const).map(usd),
    ...(["loads", "starts", "reversals"] as const).map(count),
    dollars(meanOf(bounds.map(({ fluidUsd }) => fluidUsd))),
    dollars(meanOf(oracle)),
    `${(meanOf(outcomes.map(usdOf)) / meanOf(oracle)).toFixed(2)}x`,
  ];
}

function differencesOf(rows: readonly Row[]): readonly string[] {
  const [first] = rows;
  const others = rows.filter(({ differences }) => differences !== null);
  if (first === undefined || others.length === 0) return [];
  return [
    `less ${first.policy}, seed by seed, with 95 % intervals:`,
    ...tableOf(
      others.map(({ policy, differences: d }) =>
        d === null
          ? []
          : [
              policy,
              `usd ${interval(d.usd, dollars)}`,
              `in time ${interval(d.attainment, percent)}`,
              `goodput/s ${interval(d.goodputPerSecond, (n) => n.toFixed(2))}`,
              `acc. served ${interval(d.accuracyServed, (n) => n.toFixed(4))}`,
              `offered ${interval(d.accuracyOffered, (n) => n.toFixed(4))}`,
            ],
      ),
    ),
  ];
}

function interval({ mean, low, high }: Estimate, text: (value: number) => string): string {
  return `${text(mean)} (${text(low)} to ${text(high)})`;
}

function dollars(usd: number): string {
  return usd.toFixed(4);
}

/** The first column to the left, others to the right. */
export function tableOf(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join("  "),
  );
}
