import { resolve } from "node:path";
import type { Verb } from "../command/verb";
import { endSupervisor } from "../system/supervisor";
import { numberSchema, objectSchema, textSchema } from "../terminal/json-schema";

/** `infaas down`: stops the system that `infaas up` started on a data folder. */
export const down: Verb = {
  name: "down",
  usage: "",
  summary: "stop the system that 'infaas up' started on this machine",
  options: {
    "data-dir": { type: "string", doc: "State of the whole system.", default: ".infaas" },
  },
  outcome: objectSchema({ folder: textSchema, pid: numberSchema }),
  async run(args, terminal) {
    const folder = resolve(args.text("data-dir") ?? ".infaas");
    const { pid } = await endSupervisor(folder);
    terminal.result({ folder, pid }, () => [`stopped (process ${pid})`]);
  },
};
