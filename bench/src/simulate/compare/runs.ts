import { fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { Code, ServiceError } from "@infaas/runtime";
import type { Outcome } from "./outcome";
import { type Run, runPolicy } from "./run-policy";

/** What a process of `run.main` is sent, and answers. */
export interface RunRequest {
  readonly index: number;
  readonly run: Run;
}
export type RunReply =
  | { readonly index: number; readonly outcome: Outcome }
  | { readonly index: number; readonly fault: string };

const MAIN = join(__dirname, "run.main.js");

/** Does runs in so many processes, in their order; the outcomes are the same for any number of them. 0: in this process. */
export async function outcomesOf(
  runs: readonly Run[],
  processes: number = Math.min(availableParallelism(), runs.length),
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  if (processes === 0) {
    for (const run of runs) outcomes.push(await runPolicy(run));
    return outcomes;
  }
  let next = 0;
  const work = Array.from({ length: processes }, () => workOff(runs, () => next++, outcomes));
  await Promise.all(work);
  return outcomes;
}

/** One process that is given the next run until there is none. */
function workOff(runs: readonly Run[], take: () => number, outcomes: Outcome[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = fork(MAIN, [], { serialization: "advanced" });
    const give = () => {
      const index = take();
      const run = runs[index];
      if (run === undefined) child.disconnect();
      else child.send({ index, run } satisfies RunRequest);
    };
    child.on("message", (reply: RunReply) => {
      if ("fault" in reply) {
        child.disconnect();
        reject(new ServiceError(Code.INTERNAL, reply.fault));
        return;
      }
      outcomes[reply.index] = reply.outcome;
      give();
    });
    child.once("error", reject);
    child.once("exit", (code) => {
      if (code === 0) resolve();
      else reject(new ServiceError(Code.INTERNAL, `a process of runs ended with ${code}`));
    });
    give();
  });
}
