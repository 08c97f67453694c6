import type { Change, LoadTimes } from "@infaas/api";
import type { Verb } from "../command/verb";
import { withClient } from "../connect";
import { ms } from "../report/format";

/** `infaas why`: prints what changed lately and why, and what loads took. */
export const why: Verb = {
  name: "why",
  usage: "[HOST | VARIANT | ARCHITECTURE]",
  summary: "what changed lately and why, and what loads took by phase",
  options: {},
  async run(args, terminal) {
    const [subject = ""] = args.positionals;
    const told = await withClient(args, (client) => client.changes(subject));
    terminal.result(told, () => {
      if (told.changes.length === 0) terminal.print("nothing has changed since this frontend began");
      else terminal.table(["when", "what", "where", "variant", "because"], told.changes.map(changeRow));
      if (told.loads.length > 0)
        terminal.table(
          ["loads of", "on", "number", "process", "fetch", "open", "probe", "total"],
          told.loads.map(loadRow),
        );
    });
  },
};

function changeRow({ epochMs, kind, host, variant, because }: Change): readonly string[] {
  return [new Date(epochMs).toISOString(), kind, host, variant, because];
}

/** Median and 95th percentile of each phase. */
function loadRow({ variant, hostType, loads, phases }: LoadTimes): readonly string[] {
  const times = ["process", "fetch", "open", "probe", "total"].map((name) => {
    const found = phases.find(({ phase }) => phase === name);
    return found === undefined ? "" : `${ms(found.p50Ms)}, p95 ${ms(found.p95Ms)}`;
  });
  return [variant, hostType, String(loads), ...times];
}
