import type { InfaasClient, Registration } from "@infaas/client";
import { Code, ServiceError } from "@infaas/runtime";
import { withClient } from "../connect";
import { ms, percent } from "../format";
import { onlyPositional } from "../needs";
import type { Terminal } from "../terminal";
import type { Verb } from "../verb";

/** Offers one ONNX file under a task. */
export const register: Verb = {
  name: "register",
  usage: "FILE.onnx",
  summary: "upload a model, generate and profile its variants on this cluster",
  options: {
    name: { type: "string", doc: "architecture name" },
    task: { type: "string", doc: "task it serves; made if it does not exist" },
    description: { type: "string", doc: "one sentence for people" },
    tolerance: { type: "number", doc: "largest accuracy loss a derived precision may have", default: 0.01 },
    accuracy: {
      type: "number",
      doc: "accuracy as stated by you, used only where the task has no validation set",
    },
    alias: { type: "string", doc: "another name for it" },
    retry: {
      type: "boolean",
      doc: "try again what crashed, hung or ate memory lately, or is registered already",
    },
  },
  async run(args, terminal) {
    const path = onlyPositional(args, "ONNX file");
    const [name, task] = [args.text("name"), args.text("task")];
    if (name === undefined || task === undefined) {
      throw new ServiceError(Code.INVALID_ARGUMENT, "--name and --task are needed");
    }
    const declared = args.number("accuracy");
    const alias = args.text("alias");
    const registration: Registration = {
      name,
      task,
      path,
      description: args.text("description") ?? "",
      accuracyTolerance: args.number("tolerance") ?? 0.01,
      retry: args.flag("retry"),
      ...(declared === undefined ? {} : { declaredAccuracy: declared }),
      ...(alias === undefined ? {} : { aliases: [alias] }),
    };
    const result = await withClient(args, async (client) => {
      const { tasks } = await client.listModels();
      if (!tasks.some((known) => known.name === task))
        await client.putTask({ name: task, metric: "accuracy" });
      return registerWithProgress(client, registration, terminal);
    });
    terminal.result(result, () => printResult(result, terminal));
  },
};

/** Registers one model under a progress bar. */
export async function registerWithProgress(
  client: InfaasClient,
  registration: Registration,
  terminal: Terminal,
) {
  const progress = terminal.progress(registration.name);
  try {
    return await client.register(registration, (p) =>
      progress.update(p.done, p.total, [p.stage, p.variant, p.message].filter(Boolean).join(" ")),
    );
  } finally {
    progress.stop();
  }
}

function printResult(result: Awaited<ReturnType<InfaasClient["register"]>>, terminal: Terminal) {
  if (result.unchanged) terminal.print("nothing to do: this very file is registered already");
  terminal.table(
    ["variant", "accuracy", "p50 at batch 1", "items/s"],
    result.variants.map((v) => [
      v.name,
      v.accuracy === undefined ? "not measured" : percent(v.accuracy.value),
      ms(v.profile?.points[0]?.p50Ms ?? Number.NaN),
      Math.round(v.profile?.saturationPerSecond ?? 0).toLocaleString("en"),
    ]),
  );
  for (const rejected of result.rejected) terminal.print(`not kept: ${rejected.name}: ${rejected.reason}`);
}
