import type { InfaasClient } from "@infaas/client";
import { Code, ServiceError, sleep, systemClock } from "@infaas/runtime";
import type { Verb } from "../command/verb";
import { addressNamed, withClient } from "../connect";
import { type TopView, topLines, topOffsetMax } from "../report/top-report";
import { FullScreen, type Key } from "../terminal/full-screen";
import { screenOf } from "../terminal/screen";

/** `infaas top`: a live view of hosts, instances, demand and decisions in the terminal. */
export const top: Verb = {
  name: "top",
  usage: "",
  summary: "a live view: executors, demand, latest decisions, instances; arrows scroll, q quits",
  options: {
    every: {
      type: "number",
      unit: "ms",
      least: 100,
      doc: "Pause between two looks, milliseconds or with a unit.",
      default: 1_000,
    },
  },
  async run(args) {
    const { stdin, stdout } = process;
    if (!stdin.isTTY || !stdout.isTTY) {
      const sentence = "top is drawn on a terminal, and there is none; 'infaas status' prints the same once";
      throw new ServiceError(Code.INVALID_ARGUMENT, sentence);
    }
    const address = addressNamed(args);
    await withClient(args, async (client) => {
      // Nothing is drawn before the first answer: what fails then is a line like that of any verb.
      let view = await look(client, address, null);
      let offset = 0;
      const ended = new AbortController();
      const size = () => {
        const { width, colour } = screenOf(stdout, process.env);
        return { width, colour, height: stdout.rows || HEIGHT_UNTOLD, offset };
      };
      const draw = () => screen.draw(topLines(view, size()));
      const screen = new FullScreen(stdin, stdout, (key) => {
        if (key === "quit") return ended.abort();
        offset = Math.min(topOffsetMax(view, size()), Math.max(0, moved(offset, key, size().height)));
        draw();
      });
      stdout.on("resize", draw);
      for (const signal of SIGNALS) process.once(signal, () => ended.abort());
      try {
        while (!ended.signal.aborted) {
          draw();
          await sleep(systemClock, args.number("every") ?? 1_000, ended.signal);
          if (!ended.signal.aborted) view = await look(client, address, view);
        }
      } finally {
        stdout.removeListener("resize", draw);
        screen.close();
      }
    });
  },
};

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** Lines of a terminal that does not tell. */
const HEIGHT_UNTOLD = 24;

function moved(offset: number, key: Key, height: number): number {
  const page = Math.max(1, height - 5);
  const steps: Readonly<Partial<Record<Key, number>>> = {
    up: -1,
    down: 1,
    "page-up": -page,
    "page-down": page,
    first: -offset,
  };
  return offset + (steps[key] ?? 0);
}

/** The next view; where the frontend does not answer the one before, with why. */
async function look(client: InfaasClient, address: string, before: TopView | null): Promise<TopView> {
  try {
    const [now, { changes }] = await Promise.all([client.status(), client.changes()]);
    const epochMs = systemClock.epochMs();
    return { address, now, changes, epochMs, perSecond: ratesOf(before, now, epochMs), lost: "" };
  } catch (fault) {
    if (before === null) throw fault;
    return {
      ...before,
      lost: `no answer for ${systemClock.epochMs() - before.epochMs} ms: ${ServiceError.from(fault).message}`,
    };
  }
}

function ratesOf(before: TopView | null, now: TopView["now"], epochMs: number): TopView["perSecond"] {
  if (before === null || epochMs <= before.epochMs) return null;
  const seconds = (epochMs - before.epochMs) / 1_000;
  const rate = (after: bigint, earlier: bigint) => Math.max(0, Number(after - earlier) / seconds);
  return {
    answered: rate(now.queriesAnswered, before.now.queriesAnswered),
    refused: rate(now.queriesRefused, before.now.queriesRefused),
  };
}
