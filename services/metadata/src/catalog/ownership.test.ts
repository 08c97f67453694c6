import { Code } from "@infaas/runtime";
import { setPlacement } from "../members/placements";
import {
  exampleArchitecture,
  exampleTask,
  exampleVariant,
  executorMember,
  someDigest,
} from "../testing/examples";
import { inMemory, placement } from "../testing/in-memory";

const vision = { writer: { tenant: "vision", shares: false } };
const speech = { writer: { tenant: "speech", shares: false } };
const platform = { writer: { tenant: "platform", shares: true } };
const otherDigest = someDigest.replaceAll("a", "b");

/** A task, an architecture and a variant that `vision` made. */
async function ownedByVision() {
  const service = await inMemory();
  const { registry } = service;
  await registry.putTask(exampleTask(), vision);
  await registry.putArchitecture(exampleArchitecture(), vision);
  await registry.putVariants("mlp", 1, [exampleVariant()], vision);
  return service;
}

const changes: readonly [
  string,
  (r: Awaited<ReturnType<typeof ownedByVision>>["registry"], by: typeof vision) => Promise<unknown>,
][] = [
  ["puts its task", (registry, by) => registry.putTask(exampleTask({ description: "mine" }), by)],
  [
    "registers into its task",
    (registry, by) => registry.putArchitecture(exampleArchitecture({ name: "cnn" }), by),
  ],
  [
    "registers another file under its name",
    (registry, by) => registry.putArchitecture(exampleArchitecture({ modelDigest: otherDigest }), by),
  ],
  [
    "unloads or overrides its variants",
    (registry, by) => registry.putVariants("mlp", 1, [{ ...exampleVariant(), withheld: true }], by),
  ],
  ["deletes its architecture", (registry, by) => registry.delete("mlp", by)],
];

describe("what belongs to a tenant", () => {
  it.each(changes)("is refused to another that %s, naming both, and stays as it was", async (_, change) => {
    const { registry, hub } = await ownedByVision();
    const { revision } = hub.view;
    await expect(change(registry, speech)).rejects.toMatchObject({
      code: Code.PERMISSION_DENIED,
      message: expect.stringMatching(
        /belongs to tenant 'vision'; the token of 'speech' lacks the role share/,
      ),
    });
    expect(hub.view.revision).toBe(revision);
  });

  it.each(changes)(
    "may be changed by its owner, a token that shares, and members: who %s",
    async (_, change) => {
      for (const by of [vision, platform, {}]) {
        const { registry, hub } = await ownedByVision();
        await change(registry, by as typeof vision);
        for (const { name, owner } of hub.view.of("architecture"))
          if (name === "mlp") expect(owner).toBe("vision");
        for (const { owner } of hub.view.of("task")) expect(owner).toBe("vision");
      }
    },
  );

  it("is not what a caller says of itself", async () => {
    const { registry, hub } = await inMemory();
    await registry.putTask(exampleTask({ owner: "vision" }), speech);
    await registry.putArchitecture(exampleArchitecture({ owner: "vision" }), speech);
    expect([hub.view.of("task")[0]?.owner, hub.view.of("architecture")[0]?.owner]).toEqual([
      "speech",
      "speech",
    ]);
  });

  it("stays everybody's where no token made it", async () => {
    const { registry, hub } = await inMemory();
    await registry.putTask(exampleTask());
    await registry.putArchitecture(exampleArchitecture(), vision);
    await registry.putTask(exampleTask({ description: "theirs" }), speech);
    expect(hub.view.of("task")).toMatchObject([{ owner: "", description: "theirs" }]);
    await expect(registry.delete("mlp", speech)).rejects.toMatchObject({
      code: Code.PERMISSION_DENIED,
    });
  });
});

describe("two writers that read the same", () => {
  it("of a task: the second is ABORTED, and its change is made of what the first wrote", async () => {
    const { registry, hub } = await inMemory();
    await registry.putTask(exampleTask());
    const readRevision = hub.view.revision;
    const [read] = hub.view.of("task");
    const both = [{ description: "one" }, { labels: ["a", "b"] }].map((fields) =>
      registry.putTask({ ...read!, ...fields }, { readRevision }),
    );
    const ends = await Promise.allSettled(both);
    expect(ends.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    expect(ends[1]).toMatchObject({ reason: { code: Code.ABORTED } });
    const [now] = hub.view.of("task");
    await registry.putTask({ ...now!, labels: ["a", "b"] }, { readRevision: hub.view.revision });
    expect(hub.view.of("task")).toMatchObject([{ description: "one", labels: ["a", "b"] }]);
  });

  it("of a variant: a placement that was planned before it was unloaded is ABORTED", async () => {
    const { registry, hub, members, writer } = await ownedByVision();
    await members.join(executorMember("one"), 0);
    const readRevision = hub.view.revision;
    await registry.putVariants("mlp", 1, [{ ...exampleVariant(), withheld: true }], { readRevision });
    const late = setPlacement(writer, [placement("mlp-fp32", "one", "query")], {
      wanted: true,
      readRevision,
    });
    await expect(late).rejects.toMatchObject({ code: Code.ABORTED });
    expect(hub.view.of("executorPlacement")).toEqual([]);
  });

  it("of a placement: it is not dropped by who saw it before it was wanted anew", async () => {
    const { hub, members, writer } = await ownedByVision();
    await members.join(executorMember("one"), 0);
    await setPlacement(writer, [placement("mlp-fp32", "one")], { wanted: true });
    const readRevision = hub.view.revision;
    await setPlacement(writer, [placement("mlp-fp32", "one", "query")], { wanted: true, readRevision });
    const late = setPlacement(writer, [placement("mlp-fp32", "one")], { wanted: false, readRevision });
    await expect(late).rejects.toMatchObject({ code: Code.ABORTED });
    expect(hub.view.of("executorPlacement")).toMatchObject([{ variants: [{ reason: "query" }] }]);
  });
});
