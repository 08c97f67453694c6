import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  AdvanceJobRecordRequestSchema,
  JOB_PARTS_MAX,
  JOB_ROWS_MAX,
  type Job,
  JobPartSchema,
  JobSchema,
  JobState,
} from "@infaas/api";
import { Code } from "@infaas/runtime";
import { digestsOf } from "../catalog/named-files";
import { campaign } from "../members/leader";
import { frontendMember, someDigest } from "../testing/examples";
import { artifactsExcept, inMemory } from "../testing/in-memory";
import { JOBS_ENDED_MAX, JOBS_RUNNING_MAX } from "./job-records";

const { RUNNING, SUCCEEDED, FAILED, CANCELLED } = JobState;
const missingDigest = `sha256:${"0".repeat(64)}`;
const alice = { tenant: "alice", shares: false };
const bob = { tenant: "bob", shares: false };
const operator = { tenant: "root", shares: true };

type StepInit = Exclude<MessageInitShape<typeof AdvanceJobRecordRequestSchema>, { $typeName: string }>;
type JobInit = Exclude<MessageInitShape<typeof JobSchema>, { $typeName: string }>;

function newJob(fields: JobInit = {}): Job {
  const given = { name: "night", target: "digits/test", inputDigest: someDigest, rows: 10, chunkRows: 4 };
  return create(JobSchema, { ...given, state: RUNNING, submittedEpochMs: 1, ...fields });
}

const partOf = (rows: number, inputEnd: number, digest = someDigest) =>
  create(JobPartSchema, { digest, rows, inputEnd: BigInt(inputEnd), endedEpochMs: 5, costUsd: 0.5 });

/** Metadata with a job of alice's and a leader. */
async function setUp() {
  const world = await inMemory(artifactsExcept({ [missingDigest]: null }));
  const { members, store, hub, jobs } = world;
  const lead = async (member: string, ttlMs = 1_000) => {
    const lease = await members.join(frontendMember(member), ttlMs);
    return (await campaign({ store, hub }, { leaseId: lease.id, member })).term;
  };
  const term = await lead("f1");
  await jobs.put(newJob(), alice);

  const advance = (step: StepInit) =>
    jobs.advance(create(AdvanceJobRecordRequestSchema, { name: "night", term, state: RUNNING, ...step }));
  return { ...world, term, lead, advance, recorded: () => hub.view.of("job") };
}

describe("JobRecords.put", () => {
  it("records a job as its writer's, and the same once", async () => {
    const { jobs, recorded } = await setUp();
    expect(recorded().map(({ owner }) => owner)).toEqual(["alice"]);
    await jobs.put(newJob({ submittedEpochMs: 9 }), alice);
    expect(recorded()).toHaveLength(1);
    await expect(jobs.put(newJob({ target: "other" }), alice)).rejects.toThrow(
      'another job is called "night"',
    );
    await expect(jobs.put(newJob(), bob)).rejects.toMatchObject({ code: Code.ALREADY_EXISTS });
  });

  it.each<[string, JobInit, string]>([
    ["without a name", { name: "" }, "job has no name"],
    ["without rows", { rows: 0 }, "job of 0 rows is outside 1 to 1000000"],
    ["of too many rows", { rows: JOB_ROWS_MAX + 1 }, "job of 1000001 rows"],
    ["in parts without rows", { chunkRows: 0 }, "10 rows in parts of 0"],
    ["in too many parts", { rows: JOB_PARTS_MAX + 1, chunkRows: 1 }, "513 rows in parts of 1"],
    ["that has ended", { state: SUCCEEDED }, "this one is succeeded and has 0"],
    ["that has parts", { parts: [partOf(1, 1)] }, "this one is running and has 1"],
  ])("refuses one %s", async (_, fields, message) => {
    const { jobs } = await setUp();
    await expect(jobs.put(newJob({ name: "other", ...fields }), alice)).rejects.toThrow(message);
  });

  it("refuses one whose input is not there", async () => {
    const { jobs } = await setUp();
    const asked = jobs.put(newJob({ name: "other", inputDigest: missingDigest }), alice);
    await expect(asked).rejects.toMatchObject({ code: Code.FAILED_PRECONDITION });
  });

  it("holds each owner to its jobs, and forgets its oldest that have ended", async () => {
    const { jobs, recorded } = await setUp();
    for (let i = 1; i < JOBS_RUNNING_MAX; i++) await jobs.put(newJob({ name: `job-${i}` }), alice);
    await expect(jobs.put(newJob({ name: "one-more" }), alice)).rejects.toThrow(
      "16 jobs of 'alice' have not ended, at most 16 may be",
    );
    await jobs.put(newJob({ name: "bobs" }), bob);
    for (let i = 0; i <= JOBS_ENDED_MAX; i++) {
      const name = i === 0 ? "night" : `later-${i}`;
      if (i > 0) await jobs.put(newJob({ name }), alice);
      await jobs.cancel(name, { writer: alice, endedEpochMs: i + 1 });
    }
    await jobs.put(newJob({ name: "last" }), alice);
    const names = recorded().map(({ name }) => name);
    expect(names).not.toContain("night");
    expect(names).toContain("bobs");
    const ended = recorded().filter(({ state }) => state !== RUNNING);
    expect(ended).toHaveLength(JOBS_ENDED_MAX - 1);
  });
});

describe("JobRecords.advance", () => {
  it("adds part after part, and succeeds with the last row", async () => {
    const { advance, recorded } = await setUp();
    await advance({ fromPart: 0, part: partOf(4, 40) });
    await advance({ fromPart: 1, part: partOf(4, 80) });
    const job = await advance({ fromPart: 2, part: partOf(2, 100), state: SUCCEEDED, endedEpochMs: 7 });
    expect([job.state, job.endedEpochMs, job.parts.map(({ rows }) => rows)]).toEqual([
      SUCCEEDED,
      7,
      [4, 4, 2],
    ]);
    expect(recorded()).toEqual([job]);
  });

  it("takes a step once that its leader repeats", async () => {
    const { advance, recorded } = await setUp();
    for (const _ of [1, 2]) await advance({ fromPart: 0, part: partOf(4, 40) });
    expect(recorded()[0]?.parts).toHaveLength(1);
    for (const _ of [1, 2])
      await advance({ fromPart: 1, state: FAILED, reason: "no model", endedEpochMs: 3 });
    expect(recorded()[0]?.reason).toBe("no model");
  });

  it("lets exactly one of two parts take a place", async () => {
    const { advance, recorded } = await setUp();
    const steps = [partOf(4, 40), partOf(3, 30)].map((part) => advance({ fromPart: 0, part }));
    const outcomes = await Promise.allSettled(steps);
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(recorded()[0]?.parts).toHaveLength(1);
    await expect(advance({ fromPart: 0, part: partOf(2, 20) })).rejects.toMatchObject({ code: Code.ABORTED });
  });

  it("refuses a leader that leads no longer", async () => {
    const { clock, advance, lead, recorded } = await setUp();
    await clock.advance(1_000);
    const next = await lead("f2");
    await expect(advance({ fromPart: 0, part: partOf(4, 40) })).rejects.toThrow("term 1 does not lead");
    await advance({ fromPart: 0, part: partOf(4, 40), term: next });
    expect(recorded()[0]?.parts).toHaveLength(1);
  });

  it("refuses what does not follow, and an end without every row", async () => {
    const { advance } = await setUp();
    await expect(advance({ fromPart: 0, part: partOf(11, 40) })).rejects.toThrow("answered 11 of 10 rows");
    await expect(advance({ fromPart: 0, part: partOf(0, 40) })).rejects.toThrow("part of 0 rows");
    await expect(advance({ fromPart: 0, part: partOf(4, 0) })).rejects.toThrow("ends at byte 0");
    await expect(advance({ fromPart: 0, part: partOf(4, 4, missingDigest) })).rejects.toThrow(
      "not here whole",
    );
    await expect(advance({ fromPart: 0, part: partOf(4, 40), state: SUCCEEDED })).rejects.toThrow(
      "4 of 10 rows",
    );
    await expect(advance({ fromPart: 0, state: CANCELLED })).rejects.toThrow("cancelled is not for a leader");
    await expect(advance({ name: "none" })).rejects.toMatchObject({ code: Code.NOT_FOUND });
  });
});

describe("JobRecords.cancel", () => {
  it("is for its owner, and for who may change what others own", async () => {
    const { jobs, advance } = await setUp();
    await jobs.put(newJob({ name: "second" }), alice);
    await expect(jobs.cancel("night", { writer: bob, endedEpochMs: 2 })).rejects.toMatchObject({
      code: Code.PERMISSION_DENIED,
    });
    expect((await jobs.cancel("night", { writer: alice, endedEpochMs: 2 })).state).toBe(CANCELLED);
    expect((await jobs.cancel("second", { writer: operator, endedEpochMs: 2 })).state).toBe(CANCELLED);
    await expect(jobs.cancel("night", { writer: alice, endedEpochMs: 3 })).rejects.toThrow("it is cancelled");
    await expect(advance({ fromPart: 0, part: partOf(4, 40) })).rejects.toThrow('job "night" has ended');
  });
});

describe("digestsOf a job", () => {
  it("names its input and its parts, so that they are not collected", async () => {
    const { advance, hub } = await setUp();
    const part = partOf(4, 40, `sha256:${"b".repeat(64)}`);
    await advance({ fromPart: 0, part });
    const record = [...hub.view.all()].find((held) => held.record.value.case === "job")?.record;
    expect(digestsOf(record!)).toEqual([someDigest, part.digest]);
  });
});
