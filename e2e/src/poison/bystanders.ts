import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import { root } from "../cluster";
import { echoModel } from "../onnx-file";
import { type Addresses, bystanderInput, bystanderKinds, type Seen } from "./bystander";
import type { BystanderOrder, BystanderWord } from "./bystander.main";

/** The model that bystanders ask; its input and its output have any two axes. */
export const bystanderFile = echoModel([bystanderInput], []);

const entry = join(root, "e2e", "dist", "poison", "bystander.main.js");

/** One caller of each kind, in a process of its own, so that none waits for another's work. */
export class Bystanders {
  private readonly children: readonly ChildProcess[];

  /** `pauseMs`: time that each waits between an answer and its next query, milliseconds. */
  constructor({ address, httpAddress }: Addresses, pauseMs = 0) {
    this.children = bystanderKinds.map((kind) =>
      fork(entry, [kind, address, httpAddress, String(pauseMs)], { serialization: "advanced", execArgv: [] }),
    );
  }

  /**
   * Has all of them send queries while `act` is under way, and until `queriesAfter` more of each have ended; resolves with what
   * they saw and how `act` ended.
   */
  async watch<T>(act: () => Promise<T>, queriesAfter = 1): Promise<{ seen: readonly Seen[]; result: T }> {
    const seen = Promise.all(this.children.map((child) => wordOf(child, isSeen)));
    // Nobody waits for it where `act` fails.
    seen.catch(() => undefined);
    this.tell("watch");
    try {
      const result = await act();
      const more = Promise.all(this.children.map((child) => wordOf(child, isMore)));
      this.tell(queriesAfter);
      await more;
      this.tell("end");
      return { seen: await seen, result };
    } finally {
      this.tell("end");
      await Promise.allSettled([seen]);
    }
  }

  close(): void {
    for (const child of this.children) child.kill();
  }

  private tell(order: BystanderOrder): void {
    for (const child of this.children) child.send(order, () => undefined);
  }
}

/** Latency that `share` of the answers stay within, ms; the share from 0 to 1. */
export function percentileMs({ latenciesMs }: Pick<Seen, "latenciesMs">, share: number): number {
  const sorted = [...latenciesMs].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

const isMore = (word: BystanderWord): word is "more" => word === "more";
const isSeen = (word: BystanderWord): word is Seen => !isMore(word);

/** Resolves with the first word of this kind; rejects when the process ends. */
function wordOf<T extends BystanderWord>(
  child: ChildProcess,
  isAwaited: (word: BystanderWord) => word is T,
): Promise<T> {
  return new Promise((done, failed) => {
    const settle = () => {
      child.off("message", onWord);
      child.off("exit", onExit);
    };
    const onWord = (word: BystanderWord) => {
      if (!isAwaited(word)) return;
      settle();
      done(word);
    };
    const onExit = (status: number | null) => {
      settle();
      failed(new Error(`a bystander's process ended with status ${status}`));
    };
    child.on("message", onWord);
    child.on("exit", onExit);
  });
}
