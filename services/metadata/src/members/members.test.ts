import { create } from "@bufbuild/protobuf";
import { InstancePhase, InstanceReportSchema } from "@infaas/api";
import { Code } from "@infaas/runtime";
import { executorMember, frontendMember } from "../testing/examples";
import { inMemory } from "../testing/in-memory";
import { campaign } from "./leader";

const report = (executor: string, ...variants: string[]) =>
  create(InstanceReportSchema, {
    executor,
    instances: variants.map((variant) => ({ variant, executor, phase: InstancePhase.READY })),
  });
const lost = { code: Code.NOT_FOUND };

describe("Members", () => {
  describe("when a member stays silent for its whole lease", () => {
    it("takes its record, report and leadership away, and answers its next keep-alive with NOT_FOUND", async () => {
      const { clock, hub, store, members } = await inMemory();
      const lease = await members.join(executorMember("one"), 1000);
      await members.report(lease.id, report("one", "a"));
      await campaign({ store, hub }, { leaseId: lease.id, member: "one" });
      await clock.advance(900);
      await members.keepAlive(lease.id);
      await clock.advance(900);
      expect(hub.view.of("member")).toHaveLength(1);
      await clock.advance(100);
      expect(hub.view.size).toBe(0);
      await expect(members.keepAlive(lease.id)).rejects.toMatchObject(lost);
      await expect(members.report(lease.id, report("one", "a"))).rejects.toMatchObject(lost);
    });
  });

  describe("when a second life of the same name joins", () => {
    it("forgets what the first reported, and the first may write no longer", async () => {
      const { hub, members, store } = await inMemory();
      const first = await members.join(executorMember("one"), 60_000);
      await members.report(first.id, report("one", "a"));
      const second = await members.join(executorMember("one", { incarnation: "life-2", cores: 4 }), 60_000);
      expect(hub.view.of("report")).toEqual([]);
      await expect(members.report(first.id, report("one", "a"))).rejects.toMatchObject(lost);
      await expect(members.keepAlive(first.id)).rejects.toMatchObject(lost);
      await expect(campaign({ store, hub }, { leaseId: first.id, member: "one" })).rejects.toMatchObject(
        lost,
      );
      await members.leave(first.id);
      expect(hub.view.of("member")).toMatchObject([{ incarnation: "life-2", cores: 4 }]);
      await members.report(second.id, report("one", "b"));
      expect(hub.view.of("report")).toMatchObject([{ instances: [{ variant: "b" }] }]);
    });

    it("lets exactly one of many at once remain", async () => {
      const { hub, members } = await inMemory();
      const lives = ["a", "b", "c", "d"].map((incarnation) =>
        members.join(executorMember("one", { incarnation }), 60_000),
      );
      const leases = await Promise.all(lives);
      const alive = await Promise.allSettled(leases.map(({ id }) => members.keepAlive(id)));
      expect(alive.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      expect(hub.view.of("member")).toHaveLength(1);
    });
  });

  describe("when the same life joins again", () => {
    it("keeps what it reported, and that an operator took it out of service", async () => {
      const { clock, hub, members } = await inMemory();
      const first = await members.join(executorMember("one"), 60_000);
      await members.report(first.id, report("one", "a"));
      await members.setAccepting("one", false);
      const second = await members.join(executorMember("one"), 60_000);
      expect(hub.view.of("report")).toHaveLength(1);
      expect(hub.view.of("member")).toMatchObject([{ accepting: false }]);
      await members.leave(second.id);
      await clock.advance(0);
      expect(hub.view.of("report")).toEqual([]);
    });
  });

  it.each([
    ["no name", executorMember(""), 0, "member has no name"],
    ["no port", executorMember("one", { address: "localhost" }), 0, 'address "localhost" is not host:port'],
    ["no cores", executorMember("one", { cores: 0 }), 0, "cores 0 is below 1"],
    ["a price below 0", executorMember("one", { pricePerHourUsd: -1 }), 0, "price of -1 $/h is below 0"],
    ["no device", executorMember("one", { deviceKinds: [] }), 0, "no device kind is given"],
    [
      "a life too short",
      executorMember("one"),
      10,
      "lease life of 10 ms is outside 500 to 300000 ms, or 0 for 5000",
    ],
    ["a life that is no number", executorMember("one"), Number.NaN, "lease life of NaN ms is outside"],
  ])("refuses a member with %s, and leaves nothing behind", async (_, member, ttlMs, message) => {
    const { members, hub } = await inMemory();
    const refused = members.join(member, ttlMs);
    await expect(refused).rejects.toMatchObject({ code: Code.INVALID_ARGUMENT });
    await expect(refused).rejects.toThrow(message);
    expect(hub.view.size).toBe(0);
  });

  it("refuses a report in another's name, of another's instances, or of one variant twice", async () => {
    const { members } = await inMemory();
    const { id } = await members.join(executorMember("one"), 0);
    await expect(members.report(id, report("two"))).rejects.toMatchObject({
      code: Code.PERMISSION_DENIED,
    });
    await expect(members.report(id, report("one", "a", "a"))).rejects.toThrow(
      'variant "a" is reported twice',
    );
    const foreign = report("one", "a");
    for (const instance of foreign.instances) instance.executor = "two";
    await expect(members.report(id, foreign)).rejects.toThrow('is on "two", not "one"');
    await expect(members.report("", report("one"))).rejects.toMatchObject(lost);
  });

  it("lets nobody end a lease that is not a member's", async () => {
    const { members, store } = await inMemory();
    const foreign = await store.grantLease(60_000);
    await members.leave(foreign.id);
    await members.leave("");
    expect(await store.keepAlive(foreign.id)).toEqual(foreign);
  });

  it("takes only executors that are there out of service", async () => {
    const { members } = await inMemory();
    await members.join(frontendMember("f"), 0);
    for (const name of ["f", "nobody"]) {
      await expect(members.setAccepting(name, false)).rejects.toThrow(`no executor "${name}" has joined`);
    }
  });
});

describe("campaign", () => {
  it("makes one of many candidates the leader and tells all of them who it is", async () => {
    const { hub, store, members } = await inMemory();
    const names = ["f1", "f2", "f3", "f4"];
    const leases = await Promise.all(names.map((name) => members.join(frontendMember(name), 60_000)));
    const answers = await Promise.all(
      leases.map(({ id }, index) => campaign({ store, hub }, { leaseId: id, member: names[index] ?? "" })),
    );
    expect(new Set(answers.map(({ member, term }) => `${member} ${term}`)).size).toBe(1);
    expect(answers[0]?.term).toBe(1n);
  });

  it("passes on to another when the leader's lease ends, with a higher term every time", async () => {
    const { clock, hub, store, members } = await inMemory();
    const terms: bigint[] = [];
    for (const name of ["f1", "f2", "f1"]) {
      const { id } = await members.join(frontendMember(name), 1000);
      const { member, term } = await campaign({ store, hub }, { leaseId: id, member: name });
      expect(member).toBe(name);
      terms.push(term);
      await clock.advance(1000);
    }
    expect(terms).toEqual([1n, 2n, 3n]);
    expect(hub.view.of("leadership")).toEqual([]);
  });

  it("refuses a candidate under another's lease", async () => {
    const { hub, store, members } = await inMemory();
    const { id } = await members.join(frontendMember("f1"), 0);
    const forged = campaign({ store, hub }, { leaseId: id, member: "f2" });
    await expect(forged).rejects.toMatchObject({ code: Code.PERMISSION_DENIED });
  });
});
