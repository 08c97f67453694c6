import { InstancePhase } from "@infaas/api";
import { withClient } from "../connect";
import { mebibytes, ms, percent } from "../format";
import { printScaling } from "../scaling-report";
import type { Verb } from "../verb";

/** `infaas status`: prints hosts, instances and the age of the frontend's snapshot. */
export const status: Verb = {
  name: "status",
  usage: "",
  summary: "hosts, instances and how fresh the frontend's snapshot is",
  options: {},
  async run(args, terminal) {
    const now = await withClient(args, (client) => client.status());
    terminal.result(now, () => {
      const age = `snapshot ${now.snapshotRevision}, ${ms(now.snapshotAgeMs)} old`;
      terminal.print(
        `${age}; leader ${now.leader || "none"}; ${now.queriesAnswered} answered, ${now.queriesRefused} refused`,
      );
      terminal.table(
        [
          "executor",
          "address",
          "host type",
          "cores",
          "memory free",
          "resident",
          "busy",
          "told",
          "$/h",
          "used $/h",
          "accepting",
        ],
        now.executors.map((e) => [
          e.name,
          e.address,
          e.hostType,
          String(e.cpuCores),
          mebibytes(e.memoryFreeBytes),
          mebibytes(e.memoryResidentBytes),
          percent(e.utilisation),
          `${ms(e.figuresAgeMs)} ago${e.figuresUnknown ? ": too old" : ""}`,
          e.pricePerHourUsd.toFixed(3),
          e.usedPerHourUsd.toFixed(3),
          e.accepting ? "yes" : "no",
        ]),
      );
      terminal.table(
        ["instance", "executor", "wanted", "phase", "state", "in flight", "served/s"],
        now.instances.map((i) => [
          i.variant,
          i.executor,
          i.wantedBecause ?? "no",
          phaseOf(i.phase) + (i.reason === "" ? "" : `: ${i.reason}`),
          i.loadState,
          String(i.inFlight),
          i.servedPerSecond.toFixed(0),
        ]),
      );
      printScaling(now, terminal);
    });
  },
};

function phaseOf(phase: InstancePhase): string {
  return phase === InstancePhase.UNSPECIFIED ? "absent" : (InstancePhase[phase] ?? "").toLowerCase();
}
