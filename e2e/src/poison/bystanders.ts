import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { root } from "../cluster";
import { echoModel } from "../onnx-file";
import { type Addresses, bystanderInput, bystanderKinds, type Seen } from "./bystander";
import type { BystanderOrder } from "./bystander.main";

/** The model that bystanders ask; its input and its output have any two axes. */
export const bystanderFile = echoModel([bystanderInput], []);

const entry = join(root, "e2e", "dist", "poison", "bystander.main.js");

/** One caller of each kind, in a process of its own, so that none waits for another's work. */
export class Bystanders {
  private readonly children: readonly ChildProcess[];

  constructor({ address, httpAddress }: Addresses) {
    this.children = bystanderKinds.map((kind) =>
      fork(entry, [kind, address, httpAddress], { serialization: "advanced", execArgv: [] }),
    );
  }

  /**
   * Has all of them send queries while `act` is under way, each until its last is answered; resolves with what they saw
   * and how `act` ended.
   */
  async watch<T>(act: () => Promise<T>): Promise<{ seen: readonly Seen[]; result: T }> {
    const seen = Promise.all(this.children.map(answerOf));
    // Nobody waits for it where `act` fails.
    seen.catch(() => undefined);
    this.tell("watch");
    try {
      const result = await act();
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

async function answerOf(child: ChildProcess): Promise<Seen> {
  const over = new AbortController();
  const { signal } = over;
  try {
    return await Promise.race([
      once(child, "message", { signal }).then(([seen]) => seen),
      once(child, "exit", { signal }).then(([status]) => {
        throw new Error(`a bystander's process ended with status ${status}`);
      }),
    ]);
  } finally {
    over.abort();
  }
}
