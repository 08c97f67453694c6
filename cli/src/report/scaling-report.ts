import type { DemandStatus, GetStatusResponse, PlanFreeze } from "@infaas/api";
import type { Terminal } from "../terminal/terminal";
import { percent } from "./format";

/** Changes that are shown, the latest. */
const SHOWN_CHANGES = 8;

/** Returns since when, and by whose wish, plans are not carried out. */
export function freezeSentence({ by, sinceEpochMs }: PlanFreeze): string {
  return `plans are not carried out since ${new Date(sinceEpochMs).toISOString()}, by ${by}; infaas plan --unfreeze goes on`;
}

/** Prints what is asked, and where hosts come and go which there are, and why. */
export function printScaling(now: GetStatusResponse, terminal: Terminal): void {
  const { hosts, scaling, demand, frontends, freeze } = now;
  printCosts(now, terminal);
  terminal.table(
    ["frontend", "address", "leads", "demand heard"],
    frontends.map((f) => [
      f.name,
      f.address,
      f.leads ? "yes" : "no",
      f.demandAgeMs < 0 ? "never" : `${seconds(f.demandAgeMs)} ago${f.demandUnknown ? ": too old" : ""}`,
    ]),
  );
  if (freeze !== undefined) terminal.print(freezeSentence(freeze));
  if (demand.length > 0) {
    terminal.table(
      ["demand", "accuracy", "latency", "objective", "queries/s", "rows", "in time"],
      demand.map((d) => [d.target, ...requirementsOf(d), attainmentOf(d)]),
    );
  }
  if (hosts.length > 0) {
    terminal.table(
      ["host", "state", "for", "because"],
      hosts.map((h) => [
        h.name,
        h.state,
        seconds(h.ageMs),
        h.fault === "" ? h.reason : `${h.reason} (last start failed: ${h.fault})`,
      ]),
    );
  }
  if (scaling === undefined) return;
  terminal.print(`hosts: ${scaling.summary}; one goes after ${seconds(scaling.holdMs)} of less`);
  for (const { kind, host, because, epochMs } of scaling.changes.slice(-SHOWN_CHANGES))
    terminal.print(`${new Date(epochMs).toISOString()} ${kind} ${host}: ${because}`);
}

/** What is paid an hour, what of it is used, and why the rest is there. */
function printCosts({ executors }: GetStatusResponse, terminal: Terminal): void {
  const paid = executors.reduce((sum, e) => sum + e.pricePerHourUsd, 0);
  const used = executors.reduce((sum, e) => sum + e.usedPerHourUsd, 0);
  const dollars = (usd: number) => `$${usd.toFixed(3)}`;
  terminal.print(`paid ${dollars(paid)} an hour, used ${dollars(used)}, idle ${dollars(paid - used)}`);
  const reasons = new Map<string, string[]>();
  for (const { name, idleBecause } of executors)
    reasons.set(idleBecause, [...(reasons.get(idleBecause) ?? []), name]);
  for (const [because, names] of reasons) terminal.print(`  ${names.join(", ")}: ${because}`);
}

function requirementsOf({ minAccuracy, latencyMs, objective, queriesPerSecond, rowsPerQuery }: DemandStatus) {
  return [
    minAccuracy === undefined ? "any" : String(minAccuracy),
    latencyMs === undefined ? "any" : `${latencyMs} ms`,
    objective,
    queriesPerSecond.toFixed(1),
    rowsPerQuery.toFixed(1),
  ];
}

function attainmentOf({ attainment }: DemandStatus): string {
  return attainment === undefined ? "" : percent(attainment);
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
