import { create } from "@bufbuild/protobuf";
import { HostSchema, HostState, MemberKind, MemberSchema } from "@infaas/api";
import { Code } from "@infaas/runtime";
import { frontendMember } from "../testing/examples";
import { inMemory } from "../testing/in-memory";
import { setHost } from "./hosts";
import { campaign } from "./leader";

const { UNSPECIFIED, REQUESTED, STARTING, UP, DRAINING, GONE } = HostState;

const provider = (over: object = {}) =>
  create(MemberSchema, {
    name: "local",
    kind: MemberKind.HOST_PROVIDER,
    pool: {
      hostType: "local-cpu",
      cores: 0.5,
      memoryBytes: 1_000n,
      pricePerHourUsd: 0.1,
      minHosts: 1,
      maxHosts: 3,
      ...over,
    },
  });

/** Metadata with a provider and a leader. */
async function setUp() {
  const world = await inMemory();
  const { members, store, hub, writer } = world;
  await members.join(provider(), 60_000);
  const lease = await members.join(frontendMember("f1"), 1_000);
  const { term } = await campaign({ store, hub }, { leaseId: lease.id, member: "f1" });
  const set = (state: HostState, from: HostState[], by: bigint, name = "executor-1", of = "local") =>
    setHost(writer, {
      host: create(HostSchema, { name, provider: of, state, reason: "because" }),
      from,
      term: by,
    });
  return { ...world, term, set, states: () => hub.view.of("host").map((h) => h.state) };
}

describe("setHost", () => {
  it("takes a host through its life, each state said by whom it is for", async () => {
    const { set, states, term } = await setUp();
    await set(REQUESTED, [UNSPECIFIED, GONE], term);
    await set(STARTING, [REQUESTED], 0n);
    await set(UP, [STARTING], 0n);
    await set(DRAINING, [UP], term);
    await set(GONE, [DRAINING], term);
    expect(states()).toEqual([GONE]);
    await set(UNSPECIFIED, [GONE], 0n);
    expect(states()).toEqual([]);
  });

  it("leaves alone what is as wanted already, and refuses what comes too late", async () => {
    const { set, states, term } = await setUp();
    await set(REQUESTED, [UNSPECIFIED], term);
    await set(REQUESTED, [UNSPECIFIED], term);
    await set(STARTING, [REQUESTED], 0n);
    await expect(set(REQUESTED, [UNSPECIFIED, GONE], term)).rejects.toMatchObject({ code: Code.ABORTED });
    await expect(set(DRAINING, [UP], term)).rejects.toThrow('host "executor-1" is starting, not up');
    expect(states()).toEqual([STARTING]);
    await set(UNSPECIFIED, [UNSPECIFIED], 0n, "executor-9");
  });

  it("refuses a leader that leads no longer, also one that another follows", async () => {
    const { clock, members, store, hub, set, states, term } = await setUp();
    await clock.advance(1_000);
    await expect(set(REQUESTED, [UNSPECIFIED], term)).rejects.toThrow("term 1 does not lead: nobody leads");
    const { id } = await members.join(frontendMember("f2"), 60_000);
    const next = await campaign({ store, hub }, { leaseId: id, member: "f2" });
    await expect(set(REQUESTED, [UNSPECIFIED], term)).rejects.toMatchObject({
      code: Code.FAILED_PRECONDITION,
    });
    await set(REQUESTED, [UNSPECIFIED], next.term);
    expect(states()).toEqual([REQUESTED]);
  });

  it("lets exactly one of many at once make the change that all want from the same state", async () => {
    const { set, states, term } = await setUp();
    await set(REQUESTED, [UNSPECIFIED], term);
    const both = await Promise.allSettled([set(GONE, [REQUESTED], term), set(STARTING, [REQUESTED], 0n)]);
    expect(both.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(states()).toHaveLength(1);
  });

  it("refuses states that are not the writer's to say, and hosts of nobody", async () => {
    const { set, term } = await setUp();
    await expect(set(UP, [UNSPECIFIED], term)).rejects.toThrow("up is not for a leader to say");
    await expect(set(REQUESTED, [UNSPECIFIED], 0n)).rejects.toThrow("requested is not for a provider to say");
    await expect(set(REQUESTED, [UNSPECIFIED], term, "executor-1", "cloud")).rejects.toMatchObject({
      code: Code.NOT_FOUND,
    });
    await expect(set(REQUESTED, [UNSPECIFIED], term, "")).rejects.toMatchObject({
      code: Code.INVALID_ARGUMENT,
    });
  });
});

describe("Members.join of a host provider", () => {
  it.each([
    ["fewer at most than at least", { minHosts: 4 }, "4 to 3 hosts are not a range within 0 to 1024"],
    ["too many", { maxHosts: 5_000 }, "1 to 5000 hosts"],
    ["hosts without a core", { cores: 0 }, "0 cores of a host are not above 0"],
    ["hosts without memory", { memoryBytes: 0n }, "memory of 0 bytes is not above 0"],
  ])("refuses a pool of %s", async (_, over, message) => {
    const { members } = await inMemory();
    await expect(members.join(provider(over), 0)).rejects.toThrow(message);
  });
});
