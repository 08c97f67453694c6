import { type Change, type GetStatusResponse, InstancePhase, type InstanceStatus } from "@infaas/api";
import stringWidth from "string-width";
import { paint, type Screen } from "../terminal/screen";
import { type Column, tableLines } from "../terminal/table";
import { ago, figure, percentFigure } from "./format";

/** What `infaas top` knows at one moment. */
export interface TopView {
  readonly address: string;
  readonly now: GetStatusResponse;
  /** The oldest first. */
  readonly changes: readonly Change[];
  readonly epochMs: number;
  /** Since the look before; null: there was none. */
  readonly perSecond: { readonly answered: number; readonly refused: number } | null;
  /** Why what is shown is old; empty: it is not. */
  readonly lost: string;
}

/** A terminal's size, and the first line of the body that is shown. */
export interface TopScreen extends Screen {
  readonly height: number;
  readonly offset: number;
}

/** Decisions that are shown, the latest. */
const SHOWN_CHANGES = 4;
/** Lines above and below the body. */
const FRAME_LINES = 4;

/** Returns the lines of one frame, as many as the terminal has and none wider: a head, a body that scrolls, and which of it is shown. */
export function topLines(view: TopView, screen: TopScreen): readonly string[] {
  const body = bodyLines(view, screen);
  const room = Math.max(0, screen.height - FRAME_LINES);
  const first = Math.min(screen.offset, topOffsetMax(view, screen));
  const shown = body.slice(first, first + room);
  const blank = Array.from({ length: Math.max(0, room - shown.length) }, () => "");
  const place = `lines ${first + 1} to ${first + shown.length} of ${body.length}`;
  const foot = paint(screen, "faint", cut(`${place}; arrows scroll, q quits`, screen.width));
  return [...headLines(view, screen), "", ...shown, ...blank, foot].slice(0, screen.height);
}

/** The last offset at which the body still fills the screen. */
export function topOffsetMax(view: TopView, screen: TopScreen): number {
  return Math.max(0, bodyLines(view, screen).length - Math.max(0, screen.height - FRAME_LINES));
}

function headLines({ address, now, perSecond, epochMs, lost }: TopView, screen: Screen): readonly string[] {
  const time = new Date(epochMs).toISOString().slice(11, 19);
  const paid = now.executors.reduce((sum, e) => sum + e.pricePerHourUsd, 0);
  const used = now.executors.reduce((sum, e) => sum + e.usedPerHourUsd, 0);
  const rate = (perSecondNow: number | undefined) =>
    perSecondNow === undefined ? "" : ` (${perSecondNow.toFixed(0)}/s)`;
  const counts = `${now.queriesAnswered} answered${rate(perSecond?.answered)}, ${now.queriesRefused} refused${rate(perSecond?.refused)}`;
  const title = cut(`infaas top  ${address}  leader ${now.leader || "none"}  ${time} UTC`, screen.width);
  const second = lost === "" ? `${counts}; $${paid.toFixed(3)}/h paid, $${used.toFixed(3)}/h used` : lost;
  return [
    paint(screen, "head", title),
    paint(screen, lost === "" ? "good" : "bad", cut(second, screen.width)),
  ];
}

function bodyLines(view: TopView, screen: Screen): readonly string[] {
  const { now, changes, epochMs } = view;
  const sections = [
    tableLines(executorColumns, now.executors.map(executorRow), screen),
    now.demand.length === 0
      ? []
      : tableLines(
          demandColumns,
          now.demand.map((d) => demandRow(d, screen)),
          screen,
        ),
    changes.slice(-SHOWN_CHANGES).map((change) => cut(changeText(change, epochMs), screen.width)),
    now.instances.length === 0
      ? ["nothing is loaded"]
      : tableLines(
          instanceColumns,
          now.instances.map((i) => instanceRow(i, screen)),
          screen,
        ),
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .flatMap((lines, index) => (index === 0 ? lines : ["", ...lines]));
}

const executorColumns: readonly Column[] = [
  { head: "executor" },
  { head: "accepting" },
  { head: "busy %", figures: true },
  { head: "free MiB", rank: 1, figures: true },
  { head: "$/h", figures: true },
  { head: "used $/h", rank: 2, figures: true },
  { head: "host type", rank: 3 },
];

function executorRow(e: GetStatusResponse["executors"][number]): readonly string[] {
  return [
    e.name,
    e.accepting ? "yes" : "no",
    percentFigure(e.utilisation),
    (Number(e.memoryFreeBytes) / 2 ** 20).toFixed(0),
    e.pricePerHourUsd.toFixed(3),
    e.usedPerHourUsd.toFixed(3),
    e.hostType,
  ];
}

const demandColumns: readonly Column[] = [
  { head: "demand" },
  { head: "accuracy", figures: true },
  { head: "latency ms", rank: 1, figures: true },
  { head: "queries/s", figures: true },
  { head: "in time %", figures: true },
];
/** What the other columns of a table take of a line. */
const DEMAND_FIGURES = 48;
const INSTANCE_FIGURES = 42;

function demandRow(d: GetStatusResponse["demand"][number], { width }: Screen): readonly string[] {
  return [
    shortened(d.target, width - DEMAND_FIGURES),
    d.minAccuracy === undefined ? "any" : String(d.minAccuracy),
    d.latencyMs === undefined ? "any" : figure(d.latencyMs),
    d.queriesPerSecond.toFixed(1),
    d.attainment === undefined ? "" : percentFigure(d.attainment),
  ];
}

const instanceColumns: readonly Column[] = [
  { head: "instance" },
  { head: "executor" },
  { head: "state" },
  { head: "queued", rank: 1, figures: true },
  { head: "served/s", figures: true },
];

function instanceRow(i: InstanceStatus, { width }: Screen): readonly string[] {
  return [
    shortened(i.variant, width - INSTANCE_FIGURES),
    i.executor,
    stateOf(i),
    String(i.inFlight),
    i.servedPerSecond.toFixed(0),
  ];
}

/** Of one that is ready how loaded it is, of another how far it is. */
function stateOf({ phase, loadState }: InstanceStatus): string {
  if (phase === InstancePhase.UNSPECIFIED) return "absent";
  if (phase === InstancePhase.READY && loadState !== "") return loadState;
  return (InstancePhase[phase] ?? "").toLowerCase();
}

function changeText({ epochMs, kind, host, variant, because }: Change, nowEpochMs: number): string {
  const what = [kind, host, variant].filter((part) => part !== "").join(" ");
  return `${ago(nowEpochMs - epochMs).padStart(6)}  ${what}: ${because}`;
}

/** Fewest characters of a name. */
const NAME_MIN = 16;

/** A name whose middle is left out where it is too long: what tells variants apart stands at its end. */
function shortened(name: string, width: number): string {
  const most = Math.max(NAME_MIN, width);
  if (name.length <= most) return name;
  const tail = Math.ceil(most / 2);
  return `${name.slice(0, most - tail - 1)}…${name.slice(-tail)}`;
}

/** The beginning of a line that is too long, with an ellipsis. */
function cut(line: string, width: number): string {
  return stringWidth(line) <= width ? line : `${line.slice(0, Math.max(0, width - 1))}…`;
}
