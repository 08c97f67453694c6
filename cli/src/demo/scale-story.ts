import type { InfaasClient } from "@infaas/client";
import { sleep, systemClock } from "@infaas/runtime";
import type { DemoLoad } from "./demo-load";
import type { DemoMetrics, SystemFigures } from "./demo-metrics";

/** Part of the story with one load. */
export interface StoryPhase {
  readonly name: string;
  /** Multiple of what one host gives. */
  readonly multiple: number;
  readonly seconds: number;
}

/** Ten seconds of the story, from OpenTelemetry metrics. */
export interface StoryRow {
  readonly atSeconds: number;
  readonly phase: string;
  readonly offeredPerSecond: number;
  /** Share of the queries that ended which were answered in time; null: none ended. */
  readonly inTime: number | null;
  readonly hostsUp: number;
  /** Hosts that are starting or draining. */
  readonly hostsOnTheirWay: number;
  /** Ready instances that queries are sent to. */
  readonly instances: number;
  /** Changes of hosts within these seconds, as the leader tells them. */
  readonly changes: readonly StoryChange[];
}

export interface StoryChange {
  readonly kind: string;
  readonly host: string;
  readonly because: string;
  readonly atSeconds: number;
}

export interface StoryOptions {
  readonly client: Pick<InfaasClient, "status">;
  readonly load: DemoLoad;
  readonly metrics: DemoMetrics;
  /** Queries per second that one host answers. */
  readonly hostPerSecond: number;
  readonly phases: readonly StoryPhase[];
  /** The last phase ends when so many hosts are there, up or on their way, or after `settleMaxSeconds` more. */
  readonly hostsInTheEnd: number;
  readonly settleMaxSeconds: number;
  readonly rowSeconds: number;
  /** Told of each row as it is complete. */
  readonly onRow: (row: StoryRow) => void;
}

/** Changes of the hosts that are not told as the reason of a row: loads follow from starts. */
const NOT_TOLD = new Set(["load"]);

/** Runs the phases one after another; returns a row for every few seconds. */
export async function tellStory(o: StoryOptions): Promise<readonly StoryRow[]> {
  const rows: StoryRow[] = [];
  const startMs = systemClock.nowMs();
  const startEpochMs = systemClock.epochMs();
  let before = o.metrics.figures();
  let toldUntilMs = startEpochMs;
  const row = async (phase: string, seconds: number) => {
    await sleep(systemClock, seconds * 1_000);
    const now = o.metrics.figures();
    const { scaling } = await o.client.status();
    const changes = (scaling?.changes ?? [])
      .filter((c) => c.epochMs > toldUntilMs && !NOT_TOLD.has(c.kind))
      .map(({ kind, host, because, epochMs }) => ({
        kind,
        host,
        because,
        atSeconds: (epochMs - startEpochMs) / 1_000,
      }));
    toldUntilMs = Math.max(toldUntilMs, ...(scaling?.changes ?? []).map((c) => c.epochMs));
    const atSeconds = Math.round((systemClock.nowMs() - startMs) / 1_000);
    const told = { atSeconds, phase, changes, ...between(before, now, seconds) };
    before = now;
    rows.push(told);
    o.onRow(told);
    return told;
  };
  for (const { name, multiple, seconds } of o.phases) {
    o.load.perSecond = multiple * o.hostPerSecond;
    for (let s = 0; s < seconds; s += o.rowSeconds) await row(name, Math.min(o.rowSeconds, seconds - s));
  }
  const last = o.phases.at(-1)?.name ?? "";
  const isSettled = () => {
    const { hostsUp, hostsOnTheirWay } = rows.at(-1) ?? { hostsUp: 0, hostsOnTheirWay: 0 };
    return hostsUp + hostsOnTheirWay <= o.hostsInTheEnd;
  };
  for (let s = 0; s < o.settleMaxSeconds && !isSettled(); s += o.rowSeconds) await row(last, o.rowSeconds);
  return rows;
}

function between(before: SystemFigures, now: SystemFigures, seconds: number) {
  const inTime = now.inTime - before.inTime;
  const ended = inTime + now.late - before.late + now.refused - before.refused;
  return {
    offeredPerSecond: (now.offered - before.offered) / seconds,
    inTime: ended > 0 ? inTime / ended : null,
    hostsUp: now.hosts.up ?? 0,
    hostsOnTheirWay: ["requested", "starting", "draining"].reduce(
      (sum, state) => sum + (now.hosts[state] ?? 0),
      0,
    ),
    instances: now.instances,
  };
}
