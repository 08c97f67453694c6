import { join, resolve } from "node:path";
import { InstancePhase } from "@infaas/api";
import { createInfaasClient, type InfaasClient, type Requirements } from "@infaas/client";
import { Code, ServiceError, seededRandom, sleep, systemClock } from "@infaas/runtime";
import { onlyPositional } from "../command/needs";
import type { Verb } from "../command/verb";
import { DemoLoad, type LoadOutcome } from "../demo/demo-load";
import { DemoMetrics } from "../demo/demo-metrics";
import { startDemoSystem } from "../demo/demo-system";
import { type StoryRow, tellStory } from "../demo/scale-story";
import { zooQueries } from "../demo/zoo-rows";
import { percent } from "../report/format";
import { portRange } from "../system/cluster";
import type { Screen } from "../terminal/screen";
import { type Column, tableLines } from "../terminal/table";

const TASK = "digit-classification/uci-digits";
const MODEL = "digits-vit";
/** Rows of a query: enough that hosts, not the frontend, have the work. */
const ROWS = 64;
/** Different queries. */
const QUERIES = 16;
const NEEDS: Requirements = { latencyMs: 1_000, minAccuracy: 0.9 };
/** Loads of the story, as multiples of what one host gives. */
const LOW = 0.3;
const HIGH = 2.2;
const ROW_SECONDS = 10;
const SETTLE_MAX_SECONDS = 90;
/** How long the first host may take until it has loaded what is asked. */
const READY_MAX_MS = 60_000;
const READY_LOOK_MS = 100;
const SEED = 20_261_130;

/** What `--json` prints. */
interface DemoReport {
  readonly hostPerSecond: number;
  readonly budget: string;
  readonly rows: readonly StoryRow[];
  readonly outcome: LoadOutcome;
}

/** Shows a property of the system on this machine, with a system of its own. */
export const demo: Verb = {
  name: "demo",
  usage: "scale",
  summary: "show how hosts follow a load of 0.3x, 2.2x and 0.3x of what one gives, on a system of its own",
  options: {
    "low-seconds": {
      type: "number",
      positive: true,
      doc: "How long the low load lasts, before and after.",
      default: 30,
    },
    "high-seconds": { type: "number", positive: true, doc: "How long the high load lasts.", default: 60 },
    "max-hosts": { type: "number", doc: "Most hosts; with 1 nothing follows the load.", default: 3 },
    "host-cores": { type: "number", doc: "CPU time of each host in cores.", default: 0.25 },
    hold: {
      type: "number",
      positive: true,
      doc: "Seconds that fewer hosts must be enough before one goes.",
      default: 10,
    },
    port: { type: "number", ...portRange, doc: "As of infaas up.", default: 9001 },
    "data-dir": { type: "string", doc: "State of the system; default: a folder that is removed in the end." },
  },
  async run(args, terminal) {
    const what = onlyPositional(args, "thing to show (scale)");
    if (what !== "scale")
      throw new ServiceError(Code.INVALID_ARGUMENT, `demo '${what}' is none; there is scale`);
    const number = (name: string) => args.number(name) ?? 0;
    const root = resolve(__dirname, "..", "..", "..");
    const metrics = await DemoMetrics.listen();
    const notes: string[] = [];
    const system = await startDemoSystem({
      root,
      port: number("port"),
      dataFolder: args.text("data-dir") ?? null,
      args: [
        ...[
          "--zoo",
          MODEL,
          "--hosts",
          "local",
          "--min-hosts",
          "1",
          "--max-hosts",
          String(number("max-hosts")),
        ],
        ...["--host-cores", String(number("host-cores")), "--otlp-endpoint", `http://${metrics.address}`],
      ],
      env: { INFAAS_SCALE_IN_HOLD_MS: String(number("hold") * 1_000) },
      note: (line) => {
        notes.push(line);
        terminal.note(line);
      },
    });
    const client = createInfaasClient(`127.0.0.1:${number("port")}`);
    try {
      const queries = zooQueries(join(root, "zoo"), TASK, QUERIES, ROWS);
      const { name: target, perSecond: hostPerSecond } = await fastestVariant(client);
      await untilReady(client, target);
      terminal.note(`one host answers ${hostPerSecond.toFixed(1)} queries of ${ROWS} rows per second`);
      const load = new DemoLoad({ client, random: seededRandom(SEED), target, needs: NEEDS, queries });
      const running = load.run();
      const rows = await tellStory({
        client,
        load,
        metrics,
        hostPerSecond,
        phases: [
          { name: `${LOW}x`, multiple: LOW, seconds: number("low-seconds") },
          { name: `${HIGH}x`, multiple: HIGH, seconds: number("high-seconds") },
          { name: `${LOW}x`, multiple: LOW, seconds: number("low-seconds") },
        ],
        hostsInTheEnd: 1,
        settleMaxSeconds: number("max-hosts") === 1 ? 0 : SETTLE_MAX_SECONDS,
        rowSeconds: ROW_SECONDS,
        onRow: ({ atSeconds, phase, hostsUp, inTime }) =>
          terminal.note(`${atSeconds} s, ${phase}: ${hostsUp} hosts, ${share(inTime)} in time`),
      });
      load.stop();
      await running;
      const report = { hostPerSecond, budget: notes[0] ?? "", rows, outcome: load.outcome };
      terminal.result(report, (screen) => demoLines(report, screen));
    } finally {
      client.close();
      await system.stop();
      await metrics.stop();
    }
  },
};

/**
 * The adequate variant that one host answers most of, and how many queries per second, by the profile that was measured there.
 * Queries ask for it by name: variants side by side on one host would take each other's CPU time.
 */
async function fastestVariant(client: InfaasClient) {
  const { variants } = await client.listModels(TASK);
  const adequate = variants
    .filter(({ accuracy }) => (accuracy?.value ?? 0) >= (NEEDS.minAccuracy ?? 0))
    .map(({ name, profile }) => ({ name, perSecond: (profile?.saturationPerSecond ?? 0) / ROWS }))
    .sort((a, b) => b.perSecond - a.perSecond);
  if (adequate[0] === undefined)
    throw new ServiceError(Code.NOT_FOUND, `no variant of ${TASK} is registered`);
  return adequate[0];
}

/** Waits until the first host has an instance of it: a system that starts again is up before its hosts are. */
async function untilReady(client: InfaasClient, target: string): Promise<void> {
  const startMs = systemClock.nowMs();
  const isReady = async () =>
    (await client.status()).instances.some((i) => i.variant === target && i.phase === InstancePhase.READY);
  while (!(await isReady())) {
    if (systemClock.nowMs() - startMs > READY_MAX_MS)
      throw new ServiceError(Code.UNAVAILABLE, `${target} was not loaded within ${READY_MAX_MS} ms`);
    await sleep(systemClock, READY_LOOK_MS);
  }
}

const columns: readonly Column[] = [
  { head: "until", figures: true },
  { head: "load" },
  { head: "offered/s", figures: true },
  { head: "in time", figures: true },
  { head: "hosts up", figures: true },
  { head: "instances", rank: 1, figures: true },
  { head: "changes", prose: true },
];

function demoLines({ rows, outcome, hostPerSecond, budget }: DemoReport, screen: Screen): readonly string[] {
  const refused = Object.entries(outcome.refused).map(([code, count]) => `${count} ${code}`);
  return [
    `${budget}; one answers ${hostPerSecond.toFixed(1)} queries of ${ROWS} rows per second`,
    ...tableLines(columns, rows.map(rowOf), screen),
    ...rows
      .flatMap((row) => row.changes)
      .map(({ kind, host, because, atSeconds }) => `${atSeconds.toFixed(0)} s ${kind} ${host}: ${because}`),
    `${outcome.sent} queries: ${outcome.answered} answered, refused: ${refused.join(", ") || "none"}, ${outcome.lost} lost, ${outcome.wrong} wrong; ${percent(outcome.rightRows / Math.max(1, outcome.rows))} of the rows classified rightly`,
  ];
}

function rowOf(row: StoryRow): readonly string[] {
  return [
    `${row.atSeconds} s`,
    row.phase,
    row.offeredPerSecond.toFixed(1),
    share(row.inTime),
    String(row.hostsUp),
    String(row.instances),
    row.changes.map((c) => `${c.kind} ${c.host} at ${c.atSeconds.toFixed(0)} s`).join(", "),
  ];
}

function share(value: number | null): string {
  return value === null ? "" : percent(value);
}
