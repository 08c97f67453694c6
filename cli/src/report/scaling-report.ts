import type { DemandStatus, ExecutorStatus, GetStatusResponse, PlanFreeze } from "@infaas/api";
import type { Screen } from "../terminal/screen";
import { type Column, tableLines, textLines } from "../terminal/table";
import { figure, percentFigure } from "./format";

/** Changes that are shown, the latest. */
const SHOWN_CHANGES = 8;

/** Returns since when, and by whose wish, plans are not carried out. */
export function freezeSentence({ by, sinceEpochMs }: PlanFreeze): string {
  return `plans are not carried out since ${new Date(sinceEpochMs).toISOString()}, by ${by}; infaas plan --unfreeze goes on`;
}

/** Returns what is asked, and where hosts come and go which there are, and why. */
export function scalingLines(now: GetStatusResponse, screen: Screen): readonly string[] {
  const { hosts, scaling, demand, frontends, freeze } = now;
  const text = (line: string) => textLines(line, screen.width);
  return [
    "",
    ...costLines(now.executors).flatMap(text),
    "",
    ...tableLines(
      [
        { head: "frontend" },
        { head: "leads" },
        { head: "demand heard", rank: 1 },
        { head: "address", rank: 2 },
      ],
      frontends.map((f) => [f.name, f.leads ? "yes" : "no", heard(f), f.address]),
      screen,
    ),
    ...(freeze === undefined ? [] : text(freezeSentence(freeze))),
    ...(demand.length === 0 ? [] : ["", ...tableLines(demandColumns, demand.map(demandRow), screen)]),
    ...(hosts.length === 0 ? [] : ["", ...tableLines(hostColumns, hosts.map(hostRow), screen)]),
    ...(scaling === undefined
      ? []
      : [
          ...text(`hosts: ${scaling.summary}; one goes after ${seconds(scaling.holdMs)} of less`),
          ...scaling.changes
            .slice(-SHOWN_CHANGES)
            .flatMap((c) => text(`${new Date(c.epochMs).toISOString()} ${c.kind} ${c.host}: ${c.because}`)),
        ]),
  ];
}

function heard({ demandAgeMs, demandUnknown }: GetStatusResponse["frontends"][number]): string {
  return demandAgeMs < 0 ? "never" : `${seconds(demandAgeMs)} ago${demandUnknown ? ": too old" : ""}`;
}

/** What is paid an hour, what of it is used, and why the rest is there. */
export function costLines(executors: readonly ExecutorStatus[]): readonly string[] {
  const paid = executors.reduce((sum, e) => sum + e.pricePerHourUsd, 0);
  const used = executors.reduce((sum, e) => sum + e.usedPerHourUsd, 0);
  const dollars = (usd: number) => `$${usd.toFixed(3)}`;
  const reasons = new Map<string, string[]>();
  for (const { name, idleBecause } of executors)
    reasons.set(idleBecause, [...(reasons.get(idleBecause) ?? []), name]);
  return [
    `paid ${dollars(paid)} an hour, used ${dollars(used)}, idle ${dollars(paid - used)}`,
    ...[...reasons].map(([because, names]) => `  ${names.join(", ")}: ${because}`),
  ];
}

const demandColumns: readonly Column[] = [
  { head: "demand" },
  { head: "accuracy", rank: 1, figures: true },
  { head: "latency ms", figures: true },
  { head: "objective", rank: 3 },
  { head: "queries/s", figures: true },
  { head: "rows", rank: 4, figures: true },
  { head: "in time %", figures: true },
];

function demandRow(d: DemandStatus): readonly string[] {
  return [
    d.target,
    d.minAccuracy === undefined ? "any" : String(d.minAccuracy),
    d.latencyMs === undefined ? "any" : figure(d.latencyMs),
    d.objective,
    d.queriesPerSecond.toFixed(1),
    d.rowsPerQuery.toFixed(1),
    d.attainment === undefined ? "" : percentFigure(d.attainment),
  ];
}

const hostColumns: readonly Column[] = [
  { head: "host" },
  { head: "state" },
  { head: "for", figures: true },
  { head: "because", prose: true },
];

function hostRow(h: GetStatusResponse["hosts"][number]): readonly string[] {
  const because = h.fault === "" ? h.reason : `${h.reason} (last start failed: ${h.fault})`;
  return [h.name, h.state, seconds(h.ageMs), because];
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
