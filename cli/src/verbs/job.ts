import { JobState, type JobStatus, JobStatusSchema } from "@infaas/api";
import type { InfaasClient } from "@infaas/client";
import { Code, ServiceError, systemClock } from "@infaas/runtime";
import { rowNeedOptions, rowNeedsOf } from "../command/needs";
import type { Arguments, Verb } from "../command/verb";
import { withClient } from "../connect";
import { AnswerFile } from "../files/answer-file";
import { rowsFromFile } from "../files/row-file";
import { targetOf } from "../query-input";
import { jobProgress, jobSentence, jobsLines } from "../report/job-report";
import { listSchema, messageSchema, objectSchema } from "../terminal/json-schema";
import type { Terminal } from "../terminal/terminal";

/** `infaas job`: rows of a file, answered while online queries leave room. */
export const job: Verb = {
  name: "job",
  usage: "submit TARGET | watch JOB | list | cancel JOB",
  argumentsMax: 2,
  summary: "answer the rows of a file while online queries leave room; watch, list and cancel such jobs",
  options: {
    input: {
      type: "string",
      doc: 'File of rows in NDJSON, a request a line: {"inputs": [{name, datatype, shape, data}]}, {"text": ...} or {"image": FILE}.',
    },
    output: {
      type: "string",
      doc: "File for the answers in NDJSON, a line a row in the order of the input; the job is watched until it has ended.",
    },
    ...rowNeedOptions,
    within: {
      type: "number",
      unit: "ms",
      positive: true,
      doc: "Deadline from now on, as in 30min or 2h; refused, with the time that could be, where it cannot be met.",
    },
    name: {
      type: "string",
      doc: "Name of the job; submitted again under it, it is no second one. Default: one is made.",
    },
  },
  outcome: {
    anyOf: [
      messageSchema(JobStatusSchema),
      objectSchema({ jobs: listSchema(messageSchema(JobStatusSchema)) }),
    ],
  },
  async run(args, terminal) {
    const [action = "", ...named] = args.positionals;
    const act = actions[action];
    if (act === undefined) {
      const both = `job: '${action}' is no action; there are ${Object.keys(actions).join(", ")}`;
      throw new ServiceError(Code.INVALID_ARGUMENT, both);
    }
    await withClient(args, (client) => act({ client, args, terminal, named: named[0] }));
  },
};

interface Asked {
  readonly client: InfaasClient;
  readonly args: Arguments;
  readonly terminal: Terminal;
  /** Second argument. */
  readonly named: string | undefined;
}

const actions: Readonly<Record<string, ((asked: Asked) => Promise<void>) | undefined>> = {
  submit: async (asked) => {
    const { client, args, terminal } = asked;
    const target = nameOf(asked, "task, architecture or variant");
    const input = args.text("input");
    if (input === undefined)
      throw new ServiceError(Code.INVALID_ARGUMENT, "job submit: --input names the file of rows");
    const withinMs = args.number("within");
    const status = await client.jobs.submit({
      target,
      rows: rowsFromFile(input),
      needs: rowNeedsOf(args),
      ...(withinMs === undefined ? {} : { deadlineEpochMs: systemClock.epochMs() + withinMs }),
      name: args.text("name") ?? "",
    });
    if (args.text("output") !== undefined) return await follow(asked, status.name);
    const { name, rows } = status;
    terminal.result(status, () => [`${name}: ${rows} rows; 'infaas job watch ${name}' shows how it stands`]);
  },
  watch: (asked) => follow(asked, nameOf(asked, "job")),
  list: async ({ client, terminal }) => {
    const jobs = await client.jobs.list();
    terminal.result({ jobs }, (screen) => jobsLines(jobs, screen));
  },
  cancel: async (asked) => {
    const status = await asked.client.jobs.cancel(nameOf(asked, "job"));
    asked.terminal.result(status, () => [jobSentence(status)]);
  },
};

function nameOf({ named }: Asked, what: string): string {
  if (named !== undefined) return named;
  throw new ServiceError(Code.INVALID_ARGUMENT, `job: exactly one ${what} is needed, none was given`);
}

/** Shows how a job stands until it has ended, and writes its answers as they come. */
async function follow({ client, args, terminal }: Asked, name: string): Promise<void> {
  const path = args.text("output");
  let file: AnswerFile | null = null;
  const progress = terminal.progress(name);
  let last: JobStatus | undefined;
  for await (const { status, parts } of client.jobs.watch(name)) {
    last = status ?? last;
    if (path !== undefined) file ??= new AnswerFile(path, await labelsOf(client, last?.target ?? ""));
    if (last !== undefined) progress.update(last.doneRows, last.rows, jobProgress(last));
    if (file !== null) for (const part of parts) file.write(await client.jobs.lines(part));
  }
  const succeeded = last?.state === JobState.SUCCEEDED;
  progress.end(succeeded);
  if (last === undefined)
    throw new ServiceError(Code.UNAVAILABLE, `nothing was told of job '${name}'; try again`);
  const ended = jobSentence(last);
  if (!succeeded) throw new ServiceError(Code.ABORTED, ended);
  file?.finish();
  terminal.result(last, () => [path === undefined ? ended : `${ended}; ${path}`]);
}

/** Labels of a target's task; none where it has none, or is not registered any more. */
async function labelsOf(client: InfaasClient, target: string): Promise<readonly string[]> {
  const listed = await client.listModels();
  try {
    return targetOf(listed, target).task.labels;
  } catch (error) {
    if (ServiceError.from(error).code === Code.NOT_FOUND) return [];
    throw error;
  }
}
