import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  ArtifactService,
  DelimitedReader,
  delimited,
  type JobRow,
  JobRowSchema,
  JobService,
  JobState,
  type JobStatus,
  QueryRequestSchema,
  type SubmitJobRequestSchema,
} from "@infaas/api";
import { ArtifactClient } from "@infaas/cluster";
import { LANE_COUNT } from "@infaas/policy";
import { Code, createRpcClient, ServiceError, systemClock } from "@infaas/runtime";
import { type House, refusalOf, startHouse, TASK, until } from "../../testing/house";
import type { Reply } from "../../testing/scripted-executor";

jest.setTimeout(20_000);

const ROWS = 130;
/** Two batches of the fixture's one engine, which is best at one row. */
const WINDOW_ROWS = 2;
type Row = Exclude<MessageInitShape<typeof QueryRequestSchema>, { $typeName: string }>;

const row = (id: string, more: Row = {}): Row => ({
  id,
  inputs: [{ name: "pixels", datatype: "FP32", shape: [1n, 4n] }],
  rawInputContents: [new Uint8Array(16)],
  ...more,
});
const rowsOf = (count: number) => Array.from({ length: count }, (_, i) => row(`row-${i}`));
const fileOf = (rows: readonly Row[]) =>
  Buffer.concat(
    rows.map((init) => delimited(toBinary(QueryRequestSchema, create(QueryRequestSchema, init)))),
  );

describe("a frontend that leads, and its jobs", () => {
  let house: House;
  let jobs: ReturnType<typeof jobsOf>;
  let artifacts: ReturnType<typeof artifactsOf>;
  const jobsOf = (address: string) => createRpcClient(JobService, address);
  const artifactsOf = (address: string) => createRpcClient(ArtifactService, address);

  beforeAll(async () => {
    house = await startHouse({ e1: ["mlp@1"] });
    jobs = jobsOf(house.frontend.address);
    artifacts = artifactsOf(house.frontend.address);
    await until(() => house.frontend.view.leader !== "");
  });
  beforeEach(() => {
    const { received, cancelled } = executor();
    for (const list of [received, cancelled]) list.length = 0;
    executor().behaviour = (_frame, reply) => reply.answer();
    house.metadata.onJobStep = () => undefined;
  });
  afterAll(async () => {
    for (const client of [jobs, artifacts]) client.close();
    await house.stop();
  });

  const files = () => new ArtifactClient(artifacts);
  const executor = () => house.executors[0]!;

  async function submit(
    rows: readonly Row[],
    more: Partial<Exclude<MessageInitShape<typeof SubmitJobRequestSchema>, { $typeName: string }>> = {},
  ): Promise<string> {
    const inputDigest = await files().uploadBytes(fileOf(rows));
    const { status } = await jobs.submitJob({ target: TASK, inputDigest, ...more });
    return status!.name;
  }

  /** Follows a job to its end; returns how it stood last, and its lines. */
  async function ended(name: string): Promise<{ status: JobStatus; lines: JobRow[]; partRows: number[] }> {
    let status: JobStatus | undefined;
    const lines: JobRow[] = [];
    const partRows: number[] = [];
    for await (const told of jobs.watchJob({ name })) {
      status = told.status;
      for (const { digest, rows } of told.parts) {
        partRows.push(rows);
        const reader = new DelimitedReader(1 << 20);
        for await (const bytes of files().download(digest, 0)) {
          const read = reader.push(bytes);
          if (!read.ok) throw new Error(read.fault);
          lines.push(...read.value.map((line) => fromBinary(JobRowSchema, line.bytes)));
        }
      }
    }
    return { status: status!, lines, partRows };
  }

  const idOf = ({ outcome }: JobRow) => (outcome.case === "answer" ? outcome.value.id : outcome.case);

  it("answers every row once, in order and in the lowest lane, with the variant that answered", async () => {
    const { status, lines, partRows } = await ended(await submit(rowsOf(ROWS)));
    expect(status).toMatchObject({ state: JobState.SUCCEEDED, doneRows: ROWS, failedRows: 0 });
    expect(status.costUsd).toBeGreaterThan(0);
    expect(lines.map(idOf)).toEqual(rowsOf(ROWS).map(({ id }) => id));
    expect(partRows).toEqual([64, 64, 2]);
    const receipts = lines.map(({ outcome }) => outcome.case === "answer" && outcome.value.receipt?.variant);
    expect(new Set(receipts)).toEqual(new Set(["mlp@1"]));
    expect(executor().received).toHaveLength(ROWS);
    expect(new Set(executor().received.map(({ lane }) => lane))).toEqual(new Set([LANE_COUNT - 1]));
  });

  it("asks a row again that was refused for want of room, and tells why one can have no answer", async () => {
    let refused = 0;
    executor().behaviour = (_frame, reply) => {
      if (refused++ < 5) reply.refuse(Code.RESOURCE_EXHAUSTED, "queue is full");
      else reply.answer();
    };
    const wrong = row("wrong", { inputs: [{ name: "colour", datatype: "FP32", shape: [1n, 4n] }] });
    executor().behaviour = ((behaviour) => (frame, reply) => {
      if (Buffer.from(frame.body).includes("colour"))
        reply.refuse(Code.INVALID_ARGUMENT, "no input 'colour'");
      else behaviour(frame, reply);
    })(executor().behaviour);
    const rows = [...rowsOf(20), wrong, ...rowsOf(3)];
    const { status, lines } = await ended(await submit(rows));
    expect(status).toMatchObject({ state: JobState.SUCCEEDED, doneRows: 24, failedRows: 1 });
    expect(lines[20]?.outcome).toMatchObject({ case: "failure", value: { code: Code.INVALID_ARGUMENT } });
    expect(lines.map(idOf)).toEqual(rows.map(({ id }) => (id === "wrong" ? "failure" : id)));
  });

  it("runs no row again whose part could not be recorded at first", async () => {
    let refusals = 0;
    house.metadata.onJobStep = () => {
      if (refusals++ < 2) throw new ServiceError(Code.UNAVAILABLE, "the store is away");
    };
    const { status } = await ended(await submit(rowsOf(ROWS)));
    expect(status.state).toBe(JobState.SUCCEEDED);
    expect(executor().received).toHaveLength(ROWS);
  });

  it("goes on behind the last part that is recorded when another step came between", async () => {
    let steps = 0;
    house.metadata.onJobStep = ({ parts }) => {
      if (parts.length === 1 && steps++ === 0) throw new ServiceError(Code.ABORTED, "overtaken");
    };
    const { status, lines } = await ended(await submit(rowsOf(ROWS)));
    expect(status.state).toBe(JobState.SUCCEEDED);
    expect(lines.map(idOf)).toEqual(rowsOf(ROWS).map(({ id }) => id));
    const first = executor().received.filter(({ body }) => Buffer.from(body).includes("row-0"));
    expect(first).toHaveLength(1);
  });

  it("ends a job that is cancelled, and what it had sent", async () => {
    executor().behaviour = () => undefined;
    const name = await submit(rowsOf(ROWS));
    await until(() => executor().received.length > 0);
    await jobs.cancelJob({ name });
    const { status } = await ended(name);
    expect([status.state, status.doneRows]).toEqual([JobState.CANCELLED, 0]);
    await until(() => executor().cancelled.length === executor().received.length);
    expect((await refusalOf(jobs.cancelJob({ name }))).code).toBe(Code.FAILED_PRECONDITION);
  });

  it("lists jobs, the newest first", async () => {
    const names = [await submit(rowsOf(2), { name: "first" }), await submit(rowsOf(2), { name: "second" })];
    for (const name of names) await ended(name);
    const listed = (await jobs.listJobs({})).jobs;
    expect(listed.slice(0, 2).map(({ name, state }) => [name, state])).toEqual([
      ["second", JobState.SUCCEEDED],
      ["first", JobState.SUCCEEDED],
    ]);
  });

  it.each<[string, readonly Row[], object, Code, string]>([
    [
      "a latency objective",
      rowsOf(1),
      { slo: { latencyMs: 5 } },
      Code.INVALID_ARGUMENT,
      "a job has a deadline",
    ],
    ["an unknown target", rowsOf(1), { target: "nothing" }, Code.NOT_FOUND, "unknown model: 'nothing'"],
    [
      "a row with a target",
      [row("a"), row("b", { target: TASK })],
      {},
      Code.INVALID_ARGUMENT,
      "row 2 of the input",
    ],
    ["a deadline that has passed", rowsOf(1), { deadlineEpochMs: 1 }, Code.INVALID_ARGUMENT, "has passed"],
  ])("refuses %s", async (_, rows, more, code, message) => {
    const refusal = await refusalOf(submit(rows, more));
    expect([refusal.code, refusal.message]).toEqual([code, expect.stringContaining(message)]);
  });

  it("refuses a deadline that cannot be met, with the time that could be", async () => {
    const deadlineEpochMs = systemClock.epochMs() + 1_000;
    const refusal = await refusalOf(submit(rowsOf(5_000), { deadlineEpochMs }));
    expect([refusal.code, refusal.message]).toEqual([
      Code.FAILED_PRECONDITION,
      expect.stringMatching(/cannot be met: 5000 rows could be answered by \d{4}-/),
    ]);
  });

  it("has as many rows under way as keep the instances busy, and no more", async () => {
    const held: Reply[] = [];
    let most = 0;
    executor().behaviour = (_frame, reply) => {
      most = Math.max(most, held.push(reply));
      if (held.length === WINDOW_ROWS) for (const one of held.splice(0)) one.answer();
    };
    const { status } = await ended(await submit(rowsOf(32 * WINDOW_ROWS)));
    expect([status.state, most]).toEqual([JobState.SUCCEEDED, WINDOW_ROWS]);
  });

  it("refuses an input that is no file of rows, and to watch what is not there", async () => {
    const inputDigest = await files().uploadBytes(Uint8Array.of(5, 1));
    const refusal = await refusalOf(jobs.submitJob({ target: TASK, inputDigest }));
    expect([refusal.code, refusal.message]).toEqual([Code.INVALID_ARGUMENT, "input ends within a row"]);
    expect((await refusalOf(ended("none"))).code).toBe(Code.NOT_FOUND);
  });

  it("fails a job whose model is gone, with the reason", async () => {
    executor().behaviour = (_frame, reply) => {
      for (const key of ["variant/mlp@1", "architecture/mlp", `task/${TASK}`]) house.metadata.delete(key);
      reply.answer();
    };
    const { status } = await ended(await submit(rowsOf(ROWS)));
    expect(status.state).toBe(JobState.FAILED);
    expect(status.reason).toContain(`unknown model: '${TASK}'`);
  });
});
