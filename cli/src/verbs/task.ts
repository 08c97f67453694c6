import { create } from "@bufbuild/protobuf";
import { type Task, TaskSchema, TaskSignatureSchema } from "@infaas/api";
import type { InfaasClient } from "@infaas/client";
import { Code, ServiceError } from "@infaas/runtime";
import { onlyPositional } from "../command/needs";
import type { Arguments, Verb } from "../command/verb";
import { withClient } from "../connect";
import { readNamedFile } from "../files/named-file";
import { taskLines } from "../report/task-report";
import { tensorSpecFromText } from "../report/tensor-spec";
import { messageSchema } from "../terminal/json-schema";

/** `infaas task`: states or prints the signature of a task. */
export const task: Verb = {
  name: "task",
  usage: "TASK",
  summary: "state the signature of a task, which every architecture of it must fit; without options, show it",
  options: {
    input: {
      type: "strings",
      doc: "Tensor that callers send, NAME:DATATYPE:SHAPE with -1 for a free axis; may be repeated.",
    },
    output: { type: "strings", doc: "Tensor that callers get, in the same form; may be repeated." },
    labels: { type: "string", doc: "File of class names, one a line." },
    metric: { type: "string", doc: "What accuracy is; accuracy unless given." },
    description: { type: "string", doc: "One sentence for people." },
  },
  outcome: messageSchema(TaskSchema),
  async run(args, terminal) {
    const name = onlyPositional(args, "task");
    const stated = statedBy(args);
    const shown = await withClient(args, async (client) => {
      if (Object.keys(stated).length > 0) return await putStated(client, name, stated);
      const { tasks } = await client.listModels();
      const before = tasks.find((known) => known.name === name);
      if (before !== undefined) return before;
      const known = tasks.map((one) => one.name).join(", ") || "none";
      throw new ServiceError(Code.NOT_FOUND, `task '${name}' is not known; known: ${known}`);
    });
    terminal.result(shown, (screen) => taskLines(shown, screen));
  },
};

/** How often a task is read and put anew because another changed it in between. */
const PUT_ATTEMPTS_MAX = 8;

/** Puts what the task is now with what is stated; what another states at the same time stays. */
async function putStated(client: InfaasClient, name: string, stated: Partial<Task>): Promise<Task> {
  for (let attempt = 1; ; attempt += 1) {
    const { tasks, revision } = await client.listModels();
    const before = tasks.find((known) => known.name === name);
    const task = { ...(before ?? create(TaskSchema, { name, metric: "accuracy" })), ...stated };
    try {
      return await client.putTask(task, revision);
    } catch (fault) {
      if (ServiceError.from(fault).code !== Code.ABORTED || attempt === PUT_ATTEMPTS_MAX) throw fault;
    }
  }
}

function statedBy(args: Arguments): Partial<Task> {
  const [inputs, outputs] = [args.texts("input"), args.texts("output")];
  if ((inputs.length === 0) !== (outputs.length === 0))
    throw new ServiceError(
      Code.INVALID_ARGUMENT,
      "a signature has inputs and outputs: --input and --output are needed together",
    );
  const [labels, metric, description] = [args.text("labels"), args.text("metric"), args.text("description")];
  const signature = create(TaskSignatureSchema, {
    inputs: inputs.map((text) => tensorSpecFromText("input", text)),
    outputs: outputs.map((text) => tensorSpecFromText("output", text)),
  });
  return {
    ...(inputs.length === 0 ? {} : { signature }),
    ...(labels === undefined ? {} : { labels: linesOf(readNamedFile("--labels", labels).toString()) }),
    ...(metric === undefined ? {} : { metric }),
    ...(description === undefined ? {} : { description }),
  };
}

function linesOf(text: string): string[] {
  return text.split(/\r?\n/).filter((line) => line !== "");
}
