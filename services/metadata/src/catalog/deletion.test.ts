import { Code } from "@infaas/runtime";
import { setPlacement } from "../members/placements";
import { exampleArchitecture, exampleTask, exampleVariant, executorMember } from "../testing/examples";
import { inMemory, placement } from "../testing/in-memory";
import { ARCHITECTURES_DELETED_MAX } from "./deletion";

const task = "digits/test";

/** A task with one architecture, which has two variants, each placed on an executor. */
async function withPlacements() {
  const service = await inMemory();
  const { registry, members, writer } = service;
  await registry.putTask(exampleTask());
  await registry.putArchitecture(exampleArchitecture({ aliases: ["small"] }));
  await registry.putVariants("mlp", 1, [exampleVariant(), exampleVariant({ name: "mlp-t2", threads: 2 })]);
  await members.join(executorMember("one"), 0);
  const placements = ["mlp-fp32", "mlp-t2"].map((variant) => placement(variant, "one"));
  await setPlacement(writer, placements, { wanted: true });
  return service;
}

const names = (records: readonly { readonly name: string }[]) => records.map(({ name }) => name);

describe("delete", () => {
  it("takes an architecture's versions, variants, placements and aliases along in one change, and nothing else", async () => {
    const { registry, hub } = await withPlacements();
    await registry.putArchitecture(exampleArchitecture({ name: "mlp-large" }));
    const { revision } = hub.view;
    expect(await registry.delete("mlp")).toEqual({
      tasks: [],
      architectures: ["mlp"],
      variants: ["mlp-fp32", "mlp-t2"],
    });
    expect(hub.view.revision).toBe(revision + 1n);
    expect(names(hub.view.of("architecture"))).toEqual(["mlp-large"]);
    expect(hub.view.of("variant")).toEqual([]);
    expect(hub.view.of("executorPlacement")).toMatchObject([{ executor: "one", variants: [] }]);
    expect(names(hub.view.of("task"))).toEqual([task]);
    await registry.putArchitecture(exampleArchitecture({ name: "small" }));
  });

  it("takes placements of any number of executors along, in writes that a store takes", async () => {
    const { registry, hub, store, writer, members } = await withPlacements();
    const executors = Array.from({ length: 90 }, (_, i) => `executor-${i}`);
    for (const name of executors) await members.join(executorMember(name), 0);
    const all = executors.map((name) => placement("mlp-fp32", name));
    await setPlacement(writer, all, { wanted: true });
    const written = jest.spyOn(store, "transaction");
    await registry.delete("mlp");
    // Each with the guard; the last with the prefixes of architecture and variants.
    expect(written.mock.calls.map(([{ writes }]) => writes.length)).toEqual([41, 41, 14]);
    expect(hub.view.of("executorPlacement").flatMap(({ variants }) => variants)).toEqual([]);
    expect(hub.view.of("architecture")).toEqual([]);
  });

  it("takes one variant with its placements, and refuses the last of its architecture", async () => {
    const { registry, hub } = await withPlacements();
    expect(await registry.delete("mlp-t2")).toEqual({ tasks: [], architectures: [], variants: ["mlp-t2"] });
    expect(names(hub.view.of("variant"))).toEqual(["mlp-fp32"]);
    expect(hub.view.of("executorPlacement")).toMatchObject([{ variants: [{ variant: "mlp-fp32" }] }]);
    await expect(registry.delete("mlp-fp32")).rejects.toMatchObject({
      code: Code.FAILED_PRECONDITION,
      message: '"mlp-fp32" is the last variant of architecture "mlp"; delete that instead',
    });
  });

  it("takes a task that has models only where they are to go too", async () => {
    const { registry, hub } = await withPlacements();
    await expect(registry.delete(task)).rejects.toMatchObject({
      code: Code.FAILED_PRECONDITION,
      message: expect.stringContaining(`task "${task}" has 1 models, none is allowed: mlp`),
    });
    const deleted = await registry.delete(task, { withModels: true });
    expect(deleted).toEqual({ tasks: [task], architectures: ["mlp"], variants: ["mlp-fp32", "mlp-t2"] });
    for (const kind of ["task", "architecture", "variant"] as const) expect(hub.view.of(kind)).toEqual([]);
    expect(hub.view.of("executorPlacement")).toMatchObject([{ variants: [] }]);
  });

  it("takes the task that was made for one model along with it, not one that others are registered under", async () => {
    const { registry, hub } = await inMemory();
    const own = "model/mlp";
    await registry.putTask(exampleTask({ name: own }));
    await registry.putArchitecture(exampleArchitecture({ task: own }));
    await registry.putArchitecture(exampleArchitecture({ name: "guest", task: own }));
    expect((await registry.delete("mlp")).tasks).toEqual([]);
    expect(names(hub.view.of("task"))).toEqual([own]);
    await registry.delete("guest");
    await registry.putArchitecture(exampleArchitecture({ task: own }));
    expect((await registry.delete("mlp")).tasks).toEqual([own]);
    await registry.putTask(exampleTask({ name: own }));
    await registry.putArchitecture(exampleArchitecture({ task: own }));
    expect(await registry.delete(own, { withModels: true })).toMatchObject({
      tasks: [own],
      architectures: ["mlp"],
    });
    expect(hub.view.of("task")).toEqual([]);
  });

  it("refuses an unknown name, an alias, and more models than one change may hold", async () => {
    const { registry, hub } = await withPlacements();
    await expect(registry.delete("cnn")).rejects.toMatchObject({ code: Code.NOT_FOUND });
    await expect(registry.delete("small")).rejects.toThrow('"small" is an alias of architecture "mlp"');
    for (let i = 0; i < ARCHITECTURES_DELETED_MAX; i++)
      await registry.putArchitecture(exampleArchitecture({ name: `more-${i}` }));
    const { revision } = hub.view;
    await expect(registry.delete(task, { withModels: true })).rejects.toMatchObject({
      code: Code.FAILED_PRECONDITION,
      message: expect.stringContaining(
        `has ${ARCHITECTURES_DELETED_MAX + 1} models, ${ARCHITECTURES_DELETED_MAX} can be deleted at once`,
      ),
    });
    expect(hub.view.revision).toBe(revision);
    await registry.delete("more-0");
    await registry.delete(task, { withModels: true });
    expect(hub.view.of("architecture")).toEqual([]);
  });
});
