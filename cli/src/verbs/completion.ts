import type { InfaasClient } from "@infaas/client";
import { Code, ServiceError, sleep, systemClock } from "@infaas/runtime";
import { bashCompletion, isPlainName } from "../command/completion";
import { onlyPositional } from "../command/needs";
import type { Verb } from "../command/verb";
import { withClient } from "../connect";

/** How long a key may wait for names from the running system, milliseconds; then there are none. */
const NAMES_TIMEOUT_MS = 1_000;

/** `infaas completion`: prints the script that completes command lines; `names` and `hosts` are what it asks for. */
export function completionOf(verbs: () => readonly Verb[]): Verb {
  return {
    name: "completion",
    usage: "bash",
    summary: "print the script that completes command lines: source <(infaas completion bash)",
    options: {},
    async run(args, terminal) {
      const what = onlyPositional(args, "shell");
      const listed = lists[what];
      if (what !== "bash" && listed === undefined)
        throw new ServiceError(Code.INVALID_ARGUMENT, `completion is for '${what}'; it may be for bash`);
      if (listed === undefined) return terminal.print(bashCompletion(verbs()).trimEnd());
      for (const name of await withClient(args, (client) => inTime(listed(client))))
        if (isPlainName(name)) terminal.print(name);
    },
  };
}

/** What the script asks a running system for. */
const lists: Readonly<Record<string, ((client: InfaasClient) => Promise<readonly string[]>) | undefined>> = {
  async names(client) {
    const { tasks, architectures, variants } = await client.listModels();
    return [...tasks, ...architectures, ...variants].map(({ name }) => name);
  },
  async hosts(client) {
    return (await client.status()).executors.map(({ name }) => name);
  },
};

/** Nobody sees why a key completes nothing: a failure is none. */
async function inTime(asked: Promise<readonly string[]>): Promise<readonly string[]> {
  const answered = new AbortController();
  const late = sleep(systemClock, NAMES_TIMEOUT_MS, answered.signal).then(() => []);
  const names = await Promise.race([asked.catch(() => []), late]);
  answered.abort();
  return names;
}
