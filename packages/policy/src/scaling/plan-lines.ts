import type { PlacementPlan, PlannedClass, PlanningProblem } from "../planning/problem";
import { shortfall } from "./capacity";
import { figure } from "./host-load";
import type { PlannedDemand } from "./planning-problem";

/**
 * What is done about a class: more instances of what serves it, a variant that does better by its objective (for
 * `min-cost`: gives more rows a second), one that does worse, nothing, or to turn some of it away (INFaaS, ATC '21, section 4.3).
 */
export type PlanLineKind = "replicate" | "upgrade" | "downgrade" | "leave alone" | "refuse";

/** One class of a plan, with what is done about it and what it costs. */
export interface PlanLine {
  readonly kind: PlanLineKind;
  /** Name that the class asks for. */
  readonly target: string;
  /** Variants with a ready instance that served it before the plan; empty: none did. */
  readonly from: readonly string[];
  /** Variants that it is planned with. */
  readonly to: readonly string[];
  /** Hosts that it is planned on. */
  readonly hosts: readonly string[];
  /** Host time, loads and expected violations of the class by the plan, US dollars per hour. */
  readonly usdPerHour: number;
  /** The same if nothing changed: what its ready instances cannot take is violated. */
  readonly unchangedUsdPerHour: number;
  /** Rows per second that nothing within the bounds has room for. */
  readonly unservedPerSecond: number;
  readonly because: string;
}

/** Where ready instances are, by host. */
export type ReadyHosts = ReadonlyMap<string, ReadonlySet<string>>;

/** What lines are written from. */
export interface LineFacts {
  readonly problem: PlanningProblem;
  readonly demands: readonly PlannedDemand[];
  readonly plan: PlacementPlan;
  readonly ready: ReadyHosts;
  /** What a row costs that is not answered in time, by class, US dollars. */
  readonly violationUsd: (of: PlannedDemand) => number;
}

const SECONDS_PER_HOUR = 3_600;

/** Returns one line for each class that can be planned, in the order of their keys. */
export function planLines(facts: LineFacts): readonly PlanLine[] {
  const demands = new Map(facts.demands.map((one) => [one.key, one]));
  const prices = new Map(facts.problem.hosts.map((host) => [host.hostType, host.usdPerHour]));
  const counts = new Map<string, number>();
  for (const names of facts.ready.values())
    for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  const lines: PlanLine[] = [];
  for (const planned of facts.plan.classes) {
    const one = demands.get(planned.of.key);
    if (one === undefined || planned.of.columns.length === 0) continue;
    lines.push(lineOf(planned, { ...facts, one, counts, priceOf: (type) => prices.get(type) ?? 0 }));
  }
  return lines;
}

interface Writing extends LineFacts {
  readonly one: PlannedDemand;
  /** Hosts with a ready instance, by variant. */
  readonly counts: ReadonlyMap<string, number>;
  readonly priceOf: (hostType: string) => number;
}

function lineOf(planned: PlannedClass, w: Writing): PlanLine {
  const { one, counts } = w;
  const to = [...new Set(planned.shares.map(({ column }) => column.variant))].sort();
  const hosts = [...new Set(planned.shares.map(({ host }) => host))];
  const from = one.columns.flatMap(({ entry: { variant } }) =>
    counts.has(variant.name) ? variant.name : [],
  );
  const kind = kindOf(planned, { ...w, from, to });
  const usdPerHour = plannedUsd(planned, w);
  const unchangedUsdPerHour = unchangedUsd(planned, w);
  const { unservedPerSecond } = planned;
  const line = { kind, target: one.demand.target.name, from, to, hosts, usdPerHour, unchangedUsdPerHour };
  return { ...line, unservedPerSecond, because: sentence({ ...line, unservedPerSecond }) };
}

function kindOf(
  { shares, unservedPerSecond }: PlannedClass,
  { one, ready, from, to }: Writing & { readonly from: readonly string[]; readonly to: readonly string[] },
): PlanLineKind {
  if (shares.length === 0) return "refuse";
  const isChanged = shares.some(({ host, column }) => !ready.get(host)?.has(column.variant));
  const [before, after] = [from[0], to[0]];
  // Selection takes the first of what is ready: it serves the class until the plan is carried out.
  if (before !== undefined && after !== undefined && !to.includes(before))
    return isWorse(one, after, before) ? "downgrade" : "upgrade";
  if (isChanged) return before !== undefined && to.includes(before) ? "replicate" : "upgrade";
  return unservedPerSecond > 0 ? "refuse" : "leave alone";
}

/** Whether a class gets less by `after` than by `before`. */
function isWorse({ demand, columns }: PlannedDemand, after: string, before: string): boolean {
  const columnNamed = (name: string) => columns.find(({ entry }) => entry.variant.name === name);
  const [x, y] = [columnNamed(after), columnNamed(before)];
  if (x === undefined || y === undefined) return false;
  if (demand.objective === "min-cost") return x.rowsPerSecond < y.rowsPerSecond;
  return shortfall(x.entry, y.entry, demand) > 0;
}

function plannedUsd({ shares, unservedPerSecond }: PlannedClass, w: Writing): number {
  const served = shares.reduce((sum, { column, rowsPerSecond }) => {
    const hostUsd = (column.hostSecondsPerRow * w.priceOf(column.hostType)) / SECONDS_PER_HOUR;
    return sum + rowsPerSecond * (hostUsd + column.penaltyUsdPerRow);
  }, 0);
  const loads = shares.reduce((sum, { host, column }) => {
    if (w.ready.get(host)?.has(column.variant)) return sum;
    return sum + (column.loadMs / 1_000 / w.problem.dwellSeconds) * w.priceOf(column.hostType);
  }, 0);
  return SECONDS_PER_HOUR * (served + unservedPerSecond * w.violationUsd(w.one)) + loads;
}

/** Its ready instances serve it to the full, the cheapest first; those of one host share its time. */
function unchangedUsd({ of }: PlannedClass, w: Writing): number {
  let left = of.rowsPerSecond;
  let usd = 0;
  const taken = new Map<string, number>();
  for (const column of of.columns) {
    let served = 0;
    for (const [host, names] of w.ready) {
      if (!names.has(column.variant)) continue;
      const share = Math.min(column.shareMax, 1 - (taken.get(host) ?? 0));
      const rows = Math.min(left - served, share / column.hostSecondsPerRow);
      taken.set(host, (taken.get(host) ?? 0) + rows * column.hostSecondsPerRow);
      served += rows;
    }
    const hostUsd = (column.hostSecondsPerRow * w.priceOf(column.hostType)) / SECONDS_PER_HOUR;
    usd += served * (hostUsd + column.penaltyUsdPerRow);
    left -= served;
  }
  return SECONDS_PER_HOUR * (usd + left * w.violationUsd(w.one));
}

function sentence(line: Omit<PlanLine, "because">): string {
  const { kind, target, from, to, hosts, usdPerHour, unchangedUsdPerHour, unservedPerSecond } = line;
  const prices = `$${figure(usdPerHour)} an hour, $${figure(unchangedUsdPerHour)} as it is`;
  const refused =
    unservedPerSecond > 0 ? `; ${figure(unservedPerSecond)} rows/s have no room within the bounds` : "";
  if (kind === "refuse") return `'${target}': ${refused.slice(2)}; ${prices}`;
  const what =
    kind === "replicate" || kind === "leave alone"
      ? to.join(", ")
      : `${from[0] ?? "nothing"} to ${to.join(", ")}`;
  return `'${target}': ${kind}, ${what} on ${hosts.length} hosts; ${prices}${refused}`;
}
