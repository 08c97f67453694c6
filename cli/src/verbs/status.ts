import { InstancePhase } from "@infaas/api";
import type { InfaasClient } from "@infaas/client";
import { Code, ServiceError } from "@infaas/runtime";
import type { Verb } from "../command/verb";
import { withClient } from "../connect";
import { type Attention, attentionOf, printAttention } from "../report/attention-report";
import { mebibytes, ms, percent } from "../report/format";
import { printScaling } from "../report/scaling-report";

/** `infaas status`: prints hosts, instances, what needs attention and the age of the frontend's snapshot. */
export const status: Verb = {
  name: "status",
  usage: "",
  summary: "hosts, instances, variants that need attention, how fresh the frontend's snapshot is",
  options: {},
  async run(args, terminal) {
    const { now, attention } = await withClient(args, async (client) => ({
      now: await client.status(),
      attention: await attentionAt(client),
    }));
    terminal.result({ ...now, attention }, () => {
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
      printAttention(attention, terminal);
    });
  },
};

function phaseOf(phase: InstancePhase): string {
  return phase === InstancePhase.UNSPECIFIED ? "absent" : (InstancePhase[phase] ?? "").toLowerCase();
}

/** A token that may operate need not be one that may list models: none then. */
async function attentionAt(client: InfaasClient): Promise<Attention[]> {
  try {
    return attentionOf(await client.listModels());
  } catch (fault) {
    if (ServiceError.from(fault).code === Code.PERMISSION_DENIED) return [];
    throw fault;
  }
}
