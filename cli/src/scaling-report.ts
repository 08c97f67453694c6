import type { DemandStatus, GetStatusResponse } from "@infaas/api";
import { percent } from "./format";
import type { Terminal } from "./terminal";

/** Changes that are shown, the latest. */
const SHOWN_CHANGES = 8;

/** Prints what is asked, and where hosts come and go which there are, and why. */
export function printScaling({ hosts, scaling, demand }: GetStatusResponse, terminal: Terminal): void {
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
