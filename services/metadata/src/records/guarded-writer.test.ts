import { Code } from "@infaas/runtime";
import { exampleTask } from "../testing/examples";
import { inMemory } from "../testing/in-memory";
import { WRITES_WAITING_MAX } from "./guarded-writer";
import { taskKey } from "./keys";
import { encodeRecord } from "./records";

describe("GuardedWriter", () => {
  it("writes one change after another, each planned on what the last one left", async () => {
    const { writer } = await inMemory();
    const seen: bigint[] = [];
    const value = encodeRecord("task", exampleTask());
    const write = (name: string) =>
      writer.write((view) => {
        seen.push(view.revision);
        return {
          writes: [{ kind: "put", key: taskKey(name), value, leaseId: null }],
          result: name,
        };
      });
    const [first, second] = await Promise.all([write("e1"), write("e2")]);
    expect([first.result, second.result]).toEqual(["e1", "e2"]);
    expect(seen[1]).toBe(first.revision);
  });

  it("refuses more than may wait, and takes new ones when those are done", async () => {
    const { writer } = await inMemory();
    let resume: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      resume = resolve;
    });
    const nothing = { writes: [], result: null };
    const waiting = Array.from({ length: WRITES_WAITING_MAX }, () =>
      writer.write(() => gate.then(() => nothing)),
    );
    await expect(writer.write(() => nothing)).rejects.toMatchObject({
      code: Code.RESOURCE_EXHAUSTED,
      message: expect.stringContaining(`${WRITES_WAITING_MAX} allowed`),
    });
    resume();
    await Promise.all(waiting);
    await expect(writer.write(() => nothing)).resolves.toMatchObject({ result: null });
  });
});
