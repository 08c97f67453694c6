import { type ExecutorStatus, type GetStatusResponse, InstancePhase, type InstanceStatus } from "@infaas/api";
import { paint, type Screen } from "../terminal/screen";
import { type Column, tableLines, textLines } from "../terminal/table";
import { type Attention, attentionLines } from "./attention-report";
import { figure, mebibytesFigure, ms, percentFigure } from "./format";
import { scalingLines } from "./scaling-report";

/** Returns hosts, instances, demand and what needs attention. */
export function statusLines(
  now: GetStatusResponse,
  attention: readonly Attention[],
  screen: Screen,
): readonly string[] {
  const age = `snapshot ${now.snapshotRevision}, ${ms(now.snapshotAgeMs)} old`;
  const counts = `${now.queriesAnswered} answered, ${now.queriesRefused} refused`;
  return [
    ...textLines(`${age}; leader ${now.leader || "none"}; ${counts}`, screen.width),
    "",
    ...tableLines(
      executorColumns,
      now.executors.map((e) => executorRow(e, screen)),
      screen,
    ),
    "",
    ...instancesLines(now.instances, screen),
    ...scalingLines(now, screen),
    ...attentionLines(attention, screen),
  ];
}

const executorColumns: readonly Column[] = [
  { head: "executor" },
  { head: "accepting" },
  { head: "busy %", figures: true },
  { head: "told", rank: 3 },
  { head: "memory free MiB", rank: 2, figures: true },
  { head: "resident MiB", rank: 6, figures: true },
  { head: "$/h", rank: 1, figures: true },
  { head: "used $/h", rank: 4, figures: true },
  { head: "cores", rank: 5, figures: true },
  { head: "host type", rank: 7 },
  { head: "address", rank: 8 },
];

function executorRow(e: ExecutorStatus, screen: Screen): readonly string[] {
  return [
    e.name,
    e.accepting ? "yes" : paint(screen, "warning", "no"),
    percentFigure(e.utilisation),
    `${ms(e.figuresAgeMs)} ago${e.figuresUnknown ? ": too old" : ""}`,
    mebibytesFigure(e.memoryFreeBytes),
    mebibytesFigure(e.memoryResidentBytes),
    e.pricePerHourUsd.toFixed(3),
    e.usedPerHourUsd.toFixed(3),
    figure(e.cpuCores),
    e.hostType,
    e.address,
  ];
}

const instanceColumns: readonly Column[] = [
  { head: "instance" },
  { head: "executor" },
  { head: "phase" },
  { head: "state", rank: 2 },
  { head: "in flight", rank: 3, figures: true },
  { head: "served/s", rank: 1, figures: true },
  { head: "wanted", rank: 4, prose: true },
];

/** Why an instance failed has a column where one did. */
function instancesLines(instances: readonly InstanceStatus[], screen: Screen): readonly string[] {
  if (instances.length === 0) return ["nothing is loaded"];
  const told = instances.some(({ reason }) => reason !== "");
  const columns = told ? [...instanceColumns, { head: "because", prose: true }] : instanceColumns;
  return tableLines(
    columns,
    instances.map((i) => instanceRow(i, screen)),
    screen,
  );
}

function instanceRow(i: InstanceStatus, screen: Screen): readonly string[] {
  return [
    i.variant,
    i.executor,
    phaseText(i.phase, screen),
    i.loadState,
    String(i.inFlight),
    i.servedPerSecond.toFixed(0),
    i.wantedBecause ?? "no",
    i.reason,
  ];
}

/** The word for a phase: `ready`; `absent` of what is wanted and not there. */
export function phaseText(phase: InstancePhase, screen: Screen): string {
  const word = phase === InstancePhase.UNSPECIFIED ? "absent" : (InstancePhase[phase] ?? "").toLowerCase();
  if (phase === InstancePhase.READY) return paint(screen, "good", word);
  return phase === InstancePhase.FAILED ? paint(screen, "bad", word) : word;
}
