import { create } from "@bufbuild/protobuf";
import {
  DeviceKind,
  ExecutorPlacementSchema,
  LOAD_REQUESTS_MAX,
  LoadRequestSchema,
  PLANNED_AT_ONCE_MAX,
} from "@infaas/api";
import { Code } from "@infaas/runtime";
import {
  exampleArchitecture,
  exampleTask,
  exampleVariant,
  executorMember,
  frontendMember,
} from "../testing/examples";
import { inMemory, placement } from "../testing/in-memory";
import { campaign } from "./leader";
import { requestLoads } from "./load-requests";
import { setPlacement, setPlacements } from "./placements";

const names = ["mlp-fp32", "mlp-fp32-t2"];

/** Metadata with two variants and two executors. */
async function setUp() {
  const world = await inMemory();
  const { registry, members, hub } = world;
  await registry.putTask(exampleTask());
  await registry.putArchitecture(exampleArchitecture());
  const variants = names.map((name, i) => exampleVariant({ name, threads: i + 1 }));
  await registry.putVariants("mlp", 1, variants);
  for (const name of ["one", "two"]) await members.join(executorMember(name), 60_000);
  const held = (executor = "one") =>
    hub.view
      .of("executorPlacement")
      .find((p) => p.executor === executor)
      ?.variants.map(({ variant, reason, priority }) => `${variant} ${reason} ${priority}`);
  return { ...world, held };
}

/** The same, led by f1. */
async function led() {
  const world = await setUp();
  const { members, store, hub, writer } = world;
  const lead = async (name: string, ttlMs = 60_000) => {
    const { id: leaseId } = await members.join(frontendMember(name), ttlMs);
    return { leaseId, ...(await campaign({ store, hub }, { leaseId, member: name })) };
  };
  const first = await lead("f1", 1_000);
  const write = (
    plan: Readonly<Record<string, readonly string[]>>,
    { term = first.term, readRevision = hub.view.revision, generation = 1n, priority = 0 } = {},
  ) => {
    const placements = Object.entries(plan).map(([executor, variants]) =>
      create(ExecutorPlacementSchema, {
        executor,
        variants: variants.map((variant) => ({
          variant,
          reason: "autoscaler",
          plan: "why",
          priority,
          generation,
        })),
      }),
    );
    return setPlacements(writer, { placements, term, readRevision });
  };
  return { ...world, lead, first, write };
}

describe("setPlacement", () => {
  it("keeps one entry however often it is asked, of a later generation each time, and wants it no more", async () => {
    const { writer, hub, held } = await setUp();
    const generation = () => hub.view.of("executorPlacement")[0]?.variants[0]?.generation ?? 0n;
    const first = await setPlacement(writer, [placement("mlp-fp32", "one", "query")], { wanted: true });
    const before = generation();
    expect(await setPlacement(writer, [placement("mlp-fp32", "one")], { wanted: true })).toBeGreaterThan(
      first,
    );
    expect(generation()).toBeGreaterThan(before);
    expect(held()).toEqual(["mlp-fp32 operator 0"]);
    for (const _ of [1, 2]) await setPlacement(writer, [placement("mlp-fp32", "one")], { wanted: false });
    expect(held()).toEqual([]);
  });

  it("has all instances of one call, or none of them", async () => {
    const { writer, held } = await setUp();
    const both = names.map((name) => placement(name, "one"));
    await setPlacement(writer, [...both, placement("mlp-fp32", "two")], { wanted: true });
    expect([held("one"), held("two")]).toEqual([
      ["mlp-fp32 operator 0", "mlp-fp32-t2 operator 0"],
      ["mlp-fp32 operator 0"],
    ]);
    const refused = setPlacement(writer, [placement("mlp-fp32-t2", "two"), placement("x", "two")], {
      wanted: true,
    });
    await expect(refused).rejects.toMatchObject({ code: Code.NOT_FOUND });
    expect(held("two")).toEqual(["mlp-fp32 operator 0"]);
  });

  it("refuses what is unknown or cannot run there", async () => {
    const { registry, writer, members } = await inMemory();
    const want = (variant: string, executor: string, reason?: string) =>
      setPlacement(writer, [placement(variant, executor, reason)], { wanted: true });
    await expect(want("mlp-fp32", "one", "whim")).rejects.toThrow(
      'reason "whim" is none of registration, query',
    );
    await expect(want("mlp-fp32", "one")).rejects.toMatchObject({ code: Code.NOT_FOUND });
    await registry.putTask(exampleTask());
    await registry.putArchitecture(exampleArchitecture());
    await registry.putVariants("mlp", 1, [exampleVariant({ deviceKind: DeviceKind.CUDA })]);
    await expect(want("mlp-fp32", "one")).rejects.toThrow('no executor "one" has joined');
    await members.join(executorMember("one"), 0);
    await expect(want("mlp-fp32", "one")).rejects.toThrow('runs on CUDA, executor "one" has CPU');
  });

  it("takes what operators say while somebody leads, and nothing else until nobody does", async () => {
    const { clock, writer, held } = await led();
    const want = (reason: string) =>
      setPlacement(writer, [placement("mlp-fp32", "one", reason)], { wanted: true });
    await want("operator");
    await expect(want("query")).rejects.toMatchObject({
      code: Code.FAILED_PRECONDITION,
      message: 'a placement for "query" is the leader\'s to write: "f1" leads in term 1',
    });
    expect(held()).toEqual(["mlp-fp32 operator 0"]);
    await clock.advance(1_000);
    await want("query");
    expect(held()).toEqual(["mlp-fp32 query 0"]);
  });
});

describe("setPlacements", () => {
  it("replaces what the named executors should hold under the leader's term, and leaves the others alone", async () => {
    const { hub, held, write } = await led();
    await write({ one: names, two: ["mlp-fp32"] });
    await write({ one: ["mlp-fp32-t2"] }, { priority: 20 });
    expect([held("one"), held("two")]).toEqual([["mlp-fp32-t2 autoscaler 20"], ["mlp-fp32 autoscaler 0"]]);
    expect(hub.view.of("executorPlacement").map(({ term }) => term)).toEqual([1n, 1n]);
  });

  it("writes nothing where all is as planned already", async () => {
    const { hub, write } = await led();
    await write({ one: names });
    const { revision } = hub.view;
    expect(await write({ one: names })).toBe(revision);
  });

  it("refuses an older term, with both numbers, also once another leads", async () => {
    const { clock, held, write, lead, first } = await led();
    await clock.advance(1_000);
    await expect(write({ one: names })).rejects.toThrow("term 1 does not lead: nobody leads");
    const next = await lead("f2");
    await expect(write({ one: names })).rejects.toMatchObject({
      code: Code.FAILED_PRECONDITION,
      message: `term ${first.term} does not lead: term ${next.term} leads`,
    });
    expect(held()).toBeUndefined();
    await write({ one: ["mlp-fp32"] }, { term: next.term });
    expect(held()).toEqual(["mlp-fp32 autoscaler 0"]);
  });

  it("is refused at the transaction when the lead passes between plan and commit", async () => {
    const { store, held, write } = await led();
    const transaction = store.transaction.bind(store);
    const passed = jest.spyOn(store, "transaction").mockImplementationOnce(async (asked) => {
      const key = "infaas/v1/leadership";
      await transaction({ compares: [], writes: [{ kind: "delete", key }] });
      return transaction(asked);
    });
    await expect(write({ one: names })).rejects.toMatchObject({ code: Code.FAILED_PRECONDITION });
    passed.mockRestore();
    expect(held()).toBeUndefined();
  });

  it("is ABORTED when an executor's placement changed after it was read, whoever changed it", async () => {
    const { hub, writer, held, write } = await led();
    await write({ one: ["mlp-fp32"], two: ["mlp-fp32"] });
    const { revision: readRevision } = hub.view;
    await setPlacement(writer, [placement("mlp-fp32-t2", "two")], { wanted: true });
    const late = write({ one: names, two: [] }, { readRevision });
    await expect(late).rejects.toMatchObject({ code: Code.ABORTED });
    expect(held("one")).toEqual(["mlp-fp32 autoscaler 0"]);
    await write({ one: names }, { readRevision, generation: 2n });
    expect(held("one")).toHaveLength(2);
  });

  it("is ABORTED for a new instance of a variant that changed after it was read; one that stays may", async () => {
    const { hub, registry, write } = await led();
    await write({ one: ["mlp-fp32"] });
    const { revision: readRevision } = hub.view;
    const variants = hub.view.of("variant").map((v) => ({ ...v, withheld: true }));
    await registry.putVariants("mlp", 1, variants);
    await expect(write({ two: ["mlp-fp32"] }, { readRevision })).rejects.toMatchObject({
      code: Code.ABORTED,
    });
    await write({ one: ["mlp-fp32"] }, { readRevision, priority: 10 });
  });

  it("keeps an empty placement of a member, deletes that of one that left", async () => {
    const { hub, members, write } = await led();
    const lease = await members.join(executorMember("three"), 60_000);
    await write({ one: names, three: names });
    await write({ one: [], three: [] });
    const executors = () => hub.view.of("executorPlacement").map(({ executor }) => executor);
    expect(executors()).toEqual(["one", "three"]);
    await members.leave(lease.id);
    await write({ three: [] });
    expect(executors()).toEqual(["one"]);
  });

  it("refuses plans that cannot be", async () => {
    const { write } = await led();
    const invalid = { code: Code.INVALID_ARGUMENT };
    await expect(write({ one: names }, { term: 0n })).rejects.toMatchObject(invalid);
    await expect(write({ one: names }, { readRevision: 0n })).rejects.toMatchObject(invalid);
    await expect(write({ one: ["mlp-fp32", "mlp-fp32"] })).rejects.toThrow(
      'is placed on executor "one" twice',
    );
    await expect(write({ one: names }, { priority: 1_001 })).rejects.toThrow(
      "priority 1001 is outside 0 to 1000",
    );
    await expect(write({ one: ["x"] })).rejects.toMatchObject({ code: Code.NOT_FOUND });
    await expect(write({ nobody: names })).rejects.toMatchObject({ code: Code.NOT_FOUND });
    const many = Object.fromEntries(Array.from({ length: PLANNED_AT_ONCE_MAX + 1 }, (_, i) => [`e${i}`, []]));
    await expect(write(many)).rejects.toMatchObject(invalid);
  });
});

describe("requestLoads", () => {
  const request = (variant: string, over: object = {}) =>
    create(LoadRequestSchema, { variant, executor: "one", reason: "query", ...over });

  it("replaces what the frontend needed before, and goes with its lease", async () => {
    const { clock, hub, store, first } = await led();
    const needed = () =>
      hub.view.of("loadRequests").map((r) => [r.frontend, r.requests.map((q) => q.variant)]);
    await requestLoads({ store, hub }, first.leaseId, [request("a"), request("b")]);
    await requestLoads({ store, hub }, first.leaseId, [request("b")]);
    expect(needed()).toEqual([["f1", ["b"]]]);
    await requestLoads({ store, hub }, first.leaseId, []);
    expect(needed()).toEqual([]);
    await requestLoads({ store, hub }, first.leaseId, [request("c")]);
    await clock.advance(1_000);
    expect(needed()).toEqual([]);
    await expect(requestLoads({ store, hub }, first.leaseId, [])).rejects.toMatchObject({
      code: Code.NOT_FOUND,
    });
  });

  it("refuses what cannot be asked for", async () => {
    const { hub, store, first } = await led();
    const ask = (requests: ReturnType<typeof request>[]) =>
      requestLoads({ store, hub }, first.leaseId, requests);
    await expect(ask([request("a", { reason: "whim" })])).rejects.toThrow(
      'reason "whim" is none of query, registration',
    );
    await expect(ask([request("")])).rejects.toMatchObject({ code: Code.INVALID_ARGUMENT });
    const many = Array.from({ length: LOAD_REQUESTS_MAX + 1 }, () => request("a"));
    await expect(ask(many)).rejects.toThrow(`exceed the ${LOAD_REQUESTS_MAX} one frontend may have`);
  });
});
