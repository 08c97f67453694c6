import type { Change, ListChangesResponse, LoadTimes } from "@infaas/api";
import type { Screen } from "../terminal/screen";
import { type Column, tableLines } from "../terminal/table";
import { ago, figure } from "./format";

const changeColumns: readonly Column[] = [
  { head: "ago", figures: true },
  { head: "when", rank: 1 },
  { head: "what" },
  { head: "where" },
  { head: "variant" },
  { head: "because", prose: true },
];

const loadColumns: readonly Column[] = [
  { head: "loads of (median, p95)" },
  { head: "on", rank: 1 },
  { head: "number", figures: true },
  { head: "process ms", rank: 2, figures: true },
  { head: "fetch ms", rank: 2, figures: true },
  { head: "open ms", rank: 2, figures: true },
  { head: "probe ms", rank: 2, figures: true },
  { head: "total ms", figures: true },
];

/** Returns what changed and why, and what loads took by phase: the median and the 95th percentile, milliseconds. */
export function changesLines(
  { changes, loads }: ListChangesResponse,
  nowEpochMs: number,
  screen: Screen,
): readonly string[] {
  const changed =
    changes.length === 0
      ? ["nothing has changed since this frontend began"]
      : tableLines(
          changeColumns,
          changes.map((change) => changeRow(change, nowEpochMs)),
          screen,
        );
  return loads.length === 0
    ? changed
    : [...changed, "", ...tableLines(loadColumns, loads.map(loadRow), screen)];
}

function changeRow({ epochMs, kind, host, variant, because }: Change, nowEpochMs: number): readonly string[] {
  return [ago(nowEpochMs - epochMs), new Date(epochMs).toISOString(), kind, host, variant, because];
}

function loadRow({ variant, hostType, loads, phases }: LoadTimes): readonly string[] {
  const times = ["process", "fetch", "open", "probe", "total"].map((name) => {
    const found = phases.find(({ phase }) => phase === name);
    return found === undefined ? "" : `${figure(found.p50Ms)}, ${figure(found.p95Ms)}`;
  });
  return [variant, hostType, String(loads), ...times];
}
