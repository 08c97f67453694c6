import { BatchingCertificate } from "@infaas/api";
import { Code } from "@infaas/runtime";
import { exampleArchitecture, exampleTask, exampleVariant } from "../testing/examples";
import { inMemory } from "../testing/in-memory";

/** A registry with one variant of one architecture. */
async function withVariant() {
  const service = await inMemory();
  await service.registry.putTask(exampleTask());
  await service.registry.putArchitecture(exampleArchitecture());
  await service.registry.putVariants("mlp", 1, [exampleVariant()]);
  return service;
}

describe("endBatching", () => {
  const { name: variant, modelDigest } = exampleVariant();
  const end = { variant, modelDigest, reason: "output y differed by 3" };

  it("records that rows of a variant share batches no longer, once", async () => {
    const { registry, hub } = await withVariant();
    expect(await registry.endBatching(end)).toBe(true);
    const ended = { unbatched: true, batchingCertificate: BatchingCertificate.ALONE };
    expect(hub.view.of("variant")).toMatchObject([{ ...ended, batchingEnded: end.reason }]);
    expect(await registry.endBatching({ ...end, reason: "another" })).toBe(false);
    expect(hub.view.of("variant")).toMatchObject([{ batchingEnded: end.reason }]);
  });

  it("leaves what runs another file by now, and what is gone, as they are", async () => {
    const { registry, hub } = await withVariant();
    expect(await registry.endBatching({ ...end, modelDigest: "sha256:other" })).toBe(false);
    expect(await registry.endBatching({ ...end, variant: "gone" })).toBe(false);
    expect(hub.view.of("variant")).toMatchObject([{ unbatched: false, batchingEnded: "" }]);
  });

  it("makes variants that were read before it be read again", async () => {
    const { registry, hub } = await withVariant();
    const { revision } = hub.view;
    await registry.endBatching(end);
    const late = registry.putVariants("mlp", 1, [exampleVariant()], { readRevision: revision });
    await expect(late).rejects.toMatchObject({ code: Code.ABORTED });
  });

  it("asks for a reason and cuts a long one", async () => {
    const { registry, hub } = await withVariant();
    const bare = registry.endBatching({ ...end, reason: "" });
    await expect(bare).rejects.toMatchObject({ code: Code.INVALID_ARGUMENT });
    await registry.endBatching({ ...end, reason: "x".repeat(5_000) });
    expect(hub.view.of("variant")[0]?.batchingEnded).toHaveLength(1_000);
  });
});
