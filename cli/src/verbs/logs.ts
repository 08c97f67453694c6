import { resolve } from "node:path";
import { Code, ServiceError, sleep, systemClock } from "@infaas/runtime";
import { didYouMean } from "../command/nearest";
import type { Arguments, Verb } from "../command/verb";
import { logLine } from "../report/log-line";
import { LogTail, logFilesOf } from "../system/log-files";

/** Pause between two looks at logs that are followed, milliseconds. */
const FOLLOW_MS = 250;

/** `infaas logs`: prints the logs of the processes that `infaas up` started on this machine. */
export const logs: Verb = {
  name: "logs",
  usage: "[PROCESS]",
  summary: "what the processes that 'infaas up' started here have written, of one or of all",
  options: {
    lines: { type: "number", whole: true, least: 0, doc: "Lines of each process, the last.", default: 20 },
    follow: { type: "boolean", doc: "Go on with what is written, until Ctrl-C." },
    "data-dir": { type: "string", doc: "State of the whole system.", default: ".infaas" },
  },
  async run(args, terminal) {
    const count = args.number("lines") ?? 0;
    const tails = chosen(args).map(({ process, path }) => ({ process, tail: new LogTail(path, count) }));
    const print = () => {
      for (const { process, tail } of tails)
        for (const line of tail.read())
          terminal.print(terminal.json ? line : logLine(process, line, terminal.screen));
    };
    print();
    while (args.flag("follow")) {
      await sleep(systemClock, FOLLOW_MS);
      print();
    }
  },
};

function chosen(args: Arguments) {
  const files = logFilesOf(resolve(args.text("data-dir") ?? ".infaas"));
  const [name] = args.positionals;
  const found = name === undefined ? files : files.filter(({ process }) => process === name);
  if (found.length > 0) return found;
  const names = files.map(({ process }) => process);
  const hint = didYouMean(name ?? "", names);
  throw new ServiceError(
    Code.NOT_FOUND,
    `no process '${name}' has a log${hint}; there are ${names.join(", ")}`,
  );
}
