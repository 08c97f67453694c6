import { Code } from "@infaas/runtime";
import { exampleArchitecture, exampleTask } from "../testing/examples";
import { artifactsExcept, inMemory } from "../testing/in-memory";

const otherDigest = `sha256:${"b".repeat(64)}`;
const x = { name: "x", datatype: "FP32", shape: [-1n, 4n] };
const y = { name: "y", datatype: "FP32", shape: [-1n, 2n] };
const named = (spec: typeof x, name: string) => ({ ...spec, name });

describe("a task's signature", () => {
  async function registryOf(task = "digits/test") {
    const { registry, hub } = await inMemory(artifactsExcept({}));
    await registry.putTask(exampleTask({ name: task }));
    const put = (fields: Parameters<typeof exampleArchitecture>[0] = {}) =>
      registry.putArchitecture(exampleArchitecture({ task, ...fields }));
    const known = () => hub.view.of("task").find(({ name }) => name === task);
    return { registry, put, known };
  }

  it("is that of its first architecture; one that fits changes nothing", async () => {
    const { put, known } = await registryOf();
    expect(known()?.signature).toBeUndefined();
    await put();
    const first = known();
    expect(first).toMatchObject({ version: 1, signature: { inputs: [x], outputs: [y], batchable: true } });
    await put({
      name: "wider",
      inputs: [{ ...x, shape: [-1n, -1n] }],
      batchable: false,
      unbatchableReason: "so it is",
    });
    expect(known()).toEqual(first);
  });

  it("refuses an architecture that does not fit, and records nothing of it", async () => {
    const { put, known } = await registryOf();
    await put();
    const before = known();
    const refused = put({ name: "other", inputs: [named(x, "input")] });
    await expect(refused).rejects.toMatchObject({ code: Code.FAILED_PRECONDITION });
    await expect(refused).rejects.toThrow(
      "has x FP32 [-1, 4] -> y FP32 [-1, 2]; the model has input FP32 [-1, 4] -> y",
    );
    await expect(put({ modelDigest: otherDigest, inputs: [named(x, "input")] })).rejects.toThrow(
      "does not fit its task",
    );
    expect(known()).toEqual(before);
  });

  it("goes to the first of two that are recorded at once", async () => {
    const { put, known } = await registryOf();
    const both = await Promise.allSettled([put(), put({ name: "other", inputs: [named(x, "input")] })]);
    expect(both.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    expect(known()?.signature?.inputs).toMatchObject([x]);
  });

  it("is another version when it is stated anew or has other labels, and kept by whoever states none", async () => {
    const { registry, put, known } = await registryOf();
    await put();
    const version = async (fields: Parameters<typeof exampleTask>[0]) =>
      (await registry.putTask(exampleTask(fields))).task.version;
    expect(await version({ description: "better said" })).toBe(1);
    expect(await version({ signature: { inputs: [x], outputs: [y] } })).toBe(1);
    expect(await version({ signature: { inputs: [named(x, "image")], outputs: [y] } })).toBe(2);
    expect(known()?.signature).toMatchObject({ inputs: [{ name: "image" }], batchable: true });
    expect(await version({ labels: ["zero", "one"] })).toBe(3);
  });

  it("follows the model that a task was made for, and no longer once there is another one", async () => {
    const { put, known } = await registryOf("model/mlp");
    await put();
    await put({ modelDigest: otherDigest, inputs: [named(x, "input")] });
    expect(known()).toMatchObject({ version: 2, signature: { inputs: [{ name: "input" }] } });
    await expect(put({ name: "other" })).rejects.toThrow("does not fit its task");
  });

  it("is refused as any architecture's tensors are", async () => {
    const { registry } = await registryOf();
    const signature = { inputs: [x, x], outputs: [{ ...y, datatype: "FLOAT" }] };
    const refused = registry.putTask(exampleTask({ signature }));
    await expect(refused).rejects.toThrow('input "x" is given twice');
    await expect(refused).rejects.toThrow('unknown datatype "FLOAT"');
  });

  it("makes the same file fitted otherwise another version", async () => {
    const { put } = await registryOf();
    await put();
    const mapped = await put({ mapping: [{ name: "x", source: "image" }] });
    expect([mapped.architecture.version, mapped.unchanged]).toEqual([2, false]);
  });
});
