/** A process that does runs one after another, as it is sent them. */

import { runPolicy } from "./run-policy";
import type { RunReply, RunRequest } from "./runs";

process.on("message", ({ index, run }: RunRequest) => {
  const answer = (reply: RunReply) => void process.send?.(reply);
  runPolicy(run).then(
    (outcome) => answer({ index, outcome }),
    (error: unknown) => answer({ index, fault: error instanceof Error ? error.message : String(error) }),
  );
});
