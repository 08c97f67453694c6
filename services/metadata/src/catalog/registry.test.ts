import { AccuracyOrigin, DeviceKind, Precision } from "@infaas/api";
import { Code } from "@infaas/runtime";
import { setPlacement } from "../members/placements";
import {
  exampleArchitecture,
  exampleTask,
  exampleVariant,
  executorMember,
  someDigest,
} from "../testing/examples";
import { artifactsExcept, inMemory, overStore, placement } from "../testing/in-memory";
import { VARIANTS_MAX } from "./registry";

const otherDigest = `sha256:${"b".repeat(64)}`;
const missingDigest = `sha256:${"c".repeat(64)}`;
const points = (...p50sMs: number[]) =>
  p50sMs.map((p50Ms, index) => ({ batch: 2 ** index, p50Ms, p95Ms: p50Ms, p99Ms: p50Ms }));

describe("Registry", () => {
  const withModel = async () => {
    const service = await inMemory(artifactsExcept({ [missingDigest]: null }));
    await service.registry.putTask(exampleTask());
    await service.registry.putArchitecture(exampleArchitecture());
    return service;
  };
  const withVariant = async () => {
    const service = await withModel();
    await service.registry.putVariants("mlp", 1, [exampleVariant()]);
    return service;
  };

  describe("putTask", () => {
    it("creates a task, and replaces it by a later one", async () => {
      const { registry, hub } = await inMemory();
      await registry.putTask(exampleTask());
      await registry.putTask(exampleTask({ description: "better said" }));
      expect(hub.view.of("task").map(({ description }) => description)).toEqual(["better said"]);
    });

    it.each([
      ["no name", { name: "" }, "task has no name"],
      ["a path for a name", { name: "../etc/passwd" }, "may hold letters, digits"],
      ["a name beyond the bound", { name: "a".repeat(129) }, "129 characters exceeds 128"],
      ["no metric", { metric: "" }, "metric is not given"],
      ["one label twice", { labels: ["cat", "cat"] }, 'label "cat" is given twice'],
      [
        "a picture without area",
        { image: { width: 0, height: 8, channels: 1, layout: "NCHW", scale: 1 } },
        "image has a side of 0, allowed are 1 to 4096",
      ],
      [
        "an unknown layout",
        { image: { width: 8, height: 8, channels: 1, layout: "CHWN", scale: 1 } },
        '"CHWN" is none',
      ],
      ["a text without letters", { text: { length: 4, alphabet: "" } }, "text alphabet is empty"],
    ])("refuses %s", async (_, fields, message) => {
      const { registry } = await inMemory();
      const refused = registry.putTask(exampleTask(fields));
      await expect(refused).rejects.toMatchObject({ code: Code.INVALID_ARGUMENT });
      await expect(refused).rejects.toThrow(message);
    });

    it("checks that the validation files are there and as large as the examples need", async () => {
      const sizes = { [someDigest]: 100, [otherDigest]: 36, [missingDigest]: null };
      const { registry } = await inMemory(artifactsExcept(sizes));
      const validation = {
        dataset: "held out",
        inputsDigest: someDigest,
        labelsDigest: otherDigest,
        count: 10,
      };
      const short = registry.putTask(exampleTask({ validation }));
      await expect(short).rejects.toThrow("labels of task");
      await expect(short).rejects.toThrow("are 36 bytes, must be 40");
      const gone = registry.putTask(
        exampleTask({ validation: { ...validation, inputsDigest: missingDigest } }),
      );
      await expect(gone).rejects.toThrow("must be uploaded first; 0 bytes of it are here");
    });

    it("may not change the metric under variants measured by it", async () => {
      const { registry } = await withVariant();
      const changed = registry.putTask(exampleTask({ metric: "f1" }));
      await expect(changed).rejects.toMatchObject({ code: Code.FAILED_PRECONDITION });
      await expect(changed).rejects.toThrow('variant "mlp-fp32" has accuracy by metric "accuracy", not "f1"');
    });
  });

  describe("putArchitecture", () => {
    it("gives the next version to another file of the same name, and none to the same file", async () => {
      const { registry } = await withModel();
      const again = await registry.putArchitecture(exampleArchitecture({ description: "better said" }));
      expect([again.architecture.version, again.unchanged]).toEqual([1, true]);
      const next = await registry.putArchitecture(exampleArchitecture({ modelDigest: otherDigest }));
      expect([next.architecture.version, next.unchanged]).toEqual([2, false]);
      const back = await registry.putArchitecture(exampleArchitecture());
      expect([back.architecture.version, back.unchanged]).toEqual([3, false]);
    });

    it("gives a later version that is asked for, and none that was given before", async () => {
      const { registry } = await withModel();
      const put = async (version: number, modelDigest: string) =>
        (await registry.putArchitecture(exampleArchitecture({ version, modelDigest }))).architecture.version;
      expect(await put(7, otherDigest)).toBe(7);
      expect(await put(3, someDigest)).toBe(8);
    });

    it("takes a name of 128 characters with the task and the variants that are named after it", async () => {
      const { registry } = await inMemory();
      const name = "N".repeat(128);
      const task = exampleTask({ name: `model/${name}` });
      await registry.putTask(task);
      const architecture = exampleArchitecture({ name, task: task.name });
      await registry.putArchitecture(architecture);
      const variant = exampleVariant({ name: `${name}.v1.int8`, architecture: name, task: task.name });
      await registry.putVariants(name, 1, [variant]);
      const longer = registry.putArchitecture(exampleArchitecture({ name: `${name}x`, task: task.name }));
      await expect(longer).rejects.toThrow("name of 129 characters exceeds 128");
    });

    it("gives the next version to the same file with other weights beside it", async () => {
      const { registry } = await withModel();
      const put = async (...digests: string[]) => {
        const externalData = digests.map((digest, i) => ({ name: `w${i}.bin`, digest }));
        const { architecture, unchanged } = await registry.putArchitecture(
          exampleArchitecture({ externalData }),
        );
        return [architecture.version, unchanged];
      };
      expect(await put(otherDigest)).toEqual([2, false]);
      expect(await put(otherDigest)).toEqual([2, true]);
      await expect(put(missingDigest)).rejects.toThrow("must be uploaded first");
      const outside = [{ name: "../w.bin", digest: otherDigest }];
      await expect(
        registry.putArchitecture(exampleArchitecture({ externalData: outside })),
      ).rejects.toMatchObject({ code: Code.INVALID_ARGUMENT });
    });

    it("keeps the version that others give at the same time apart", async () => {
      const service = await withModel();
      const second = await overStore(service.store, service.clock);
      const versions = await Promise.all(
        [service.registry, second.registry].map(async (registry, index) => {
          const modelDigest = `sha256:${String(index).repeat(64)}`;
          return (await registry.putArchitecture(exampleArchitecture({ modelDigest }))).architecture.version;
        }),
      );
      expect(versions.sort()).toEqual([2, 3]);
    });

    it("moves the aliases to the newest version", async () => {
      const { registry, hub } = await withModel();
      await registry.putArchitecture(exampleArchitecture({ aliases: ["best"] }));
      await registry.putArchitecture(exampleArchitecture({ aliases: ["best"], modelDigest: otherDigest }));
      const aliases = hub.view.of("architecture").map((a) => [a.version, ...a.aliases].join(" "));
      expect(aliases.sort()).toEqual(["1", "2 best"]);
    });

    it.each([
      ["no inputs", { inputs: [] }, "it has no input"],
      [
        "an unknown datatype",
        { inputs: [{ name: "x", datatype: "FLOAT", shape: [-1n] }] },
        'unknown datatype "FLOAT"',
      ],
      [
        "a fixed batch axis",
        { inputs: [{ name: "x", datatype: "FP32", shape: [1n, 4n] }] },
        "first axis 1, must be -1",
      ],
      [
        "a negative axis",
        { outputs: [{ name: "y", datatype: "FP32", shape: [-1n, -2n] }] },
        "shape [-1, -2]",
      ],
      [
        "a tensor name beyond the limit",
        { outputs: [{ name: "y".repeat(1_025), datatype: "FP32", shape: [-1n] }] },
        "1025 characters exceeds 1024",
      ],
      ["no reason for not batching", { batchable: false }, "not batchable but no reason"],
      ["a tolerance above 1", { accuracyTolerance: 1.5 }, "accuracy tolerance 1.5 is outside 0 to 1"],
      ["an accuracy in per cent", { declaredAccuracy: 97 }, "declared accuracy 97 is outside 0 to 1"],
      ["itself as alias", { aliases: ["mlp"] }, 'alias "mlp" is given twice'],
    ])("refuses %s", async (_, fields, message) => {
      const { registry } = await withModel();
      const refused = registry.putArchitecture(exampleArchitecture(fields));
      await expect(refused).rejects.toMatchObject({ code: Code.INVALID_ARGUMENT });
      await expect(refused).rejects.toThrow(message);
    });

    it("refuses an unknown task, a file that is not here, and a move to another task", async () => {
      const { registry } = await withModel();
      const unknown = registry.putArchitecture(exampleArchitecture({ task: "cats" }));
      await expect(unknown).rejects.toMatchObject({
        code: Code.NOT_FOUND,
        message: 'task "cats" is not registered',
      });
      const absent = registry.putArchitecture(exampleArchitecture({ modelDigest: missingDigest }));
      await expect(absent).rejects.toMatchObject({ code: Code.FAILED_PRECONDITION });
      await registry.putTask(exampleTask({ name: "cats" }));
      const moved = registry.putArchitecture(exampleArchitecture({ task: "cats" }));
      await expect(moved).rejects.toThrow('belongs to task "digits/test", not "cats"');
    });

    it.each([
      ["a task", { name: "digits/test" }, 'taken by task "digits/test"'],
      ["a variant", { name: "mlp-fp32" }, 'taken by a variant of architecture "mlp"'],
      ["another's alias", { name: "best" }, 'taken by an alias of architecture "mlp"'],
      ["another architecture, as alias", { name: "cnn", aliases: ["mlp"] }, 'taken by architecture "mlp"'],
    ])("refuses the name of %s", async (_, fields, message) => {
      const { registry } = await withVariant();
      await registry.putArchitecture(exampleArchitecture({ aliases: ["best"] }));
      const refused = registry.putArchitecture(exampleArchitecture(fields));
      await expect(refused).rejects.toMatchObject({ code: Code.ALREADY_EXISTS });
      await expect(refused).rejects.toThrow(message);
    });

    it("may not become unbatchable under variants that batch", async () => {
      const { registry } = await withVariant();
      const asked = exampleArchitecture({ batchable: false, unbatchableReason: "rows mix" });
      await expect(registry.putArchitecture(asked)).rejects.toThrow("max batch 8 must be 1");
    });
  });

  describe("putVariants", () => {
    it("writes what was made of records only while they are what they were", async () => {
      const { registry, hub } = await withVariant();
      const { revision } = hub.view;
      const withheld = { ...exampleVariant(), withheld: true };
      const first = registry.putVariants("mlp", 1, [withheld], { readRevision: revision });
      const second = registry.putVariants("mlp", 1, [exampleVariant()], { readRevision: revision });
      await first;
      await expect(second).rejects.toMatchObject({
        code: Code.ABORTED,
        message: expect.stringMatching(/changed at revision \d+, it was read at \d+; read it again/),
      });
      expect(hub.view.of("variant")).toMatchObject([{ withheld: true }]);
      await registry.putTask(exampleTask());
      await registry.putVariants("mlp", 1, [exampleVariant()], { readRevision: hub.view.revision });
      expect(hub.view.of("variant")).toMatchObject([{ withheld: false }]);
    });

    it("brings no variant back that was deleted meanwhile", async () => {
      const { registry, hub } = await withVariant();
      const { revision } = hub.view;
      await registry.putVariants("mlp", 1, [exampleVariant({ name: "mlp-other" })]);
      const late = registry.putVariants("mlp", 1, [exampleVariant()], { readRevision: revision });
      await expect(late).rejects.toMatchObject({ code: Code.ABORTED });
    });

    const accuracy = { value: 0.9, metric: "accuracy", dataset: "", origin: AccuracyOrigin.DECLARED };
    const profile = (fields: object) => ({ ...exampleVariant().profile!, ...fields });

    it.each([
      ["another architecture's", { architecture: "cnn" }, 'architecture is "cnn", must be "mlp"'],
      ["another task's", { task: "cats" }, 'task is "cats", must be "digits/test"'],
      ["another version's", { version: 2 }, "version is 2, must be 1"],
      ["no threads", { threads: 0 }, "threads 0 is below 1"],
      ["no device", { deviceKind: DeviceKind.UNSPECIFIED }, "device kind is not given"],
      ["an accuracy above 1", { accuracy: { ...accuracy, value: 1.2 } }, "accuracy 1.2 is outside 0 to 1"],
      ["another metric", { accuracy: { ...accuracy, metric: "f1" } }, 'metric is "f1", must be "accuracy"'],
      [
        "a measurement on nothing",
        { accuracy: { ...accuracy, origin: AccuracyOrigin.MEASURED, sampleCount: 0 } },
        "samples of a measured accuracy 0 is below 1",
      ],
      [
        "no batch 1",
        { profile: profile({ points: points(1, 2).slice(1) }) },
        "profile begins at batch 2, not 1",
      ],
      [
        "a latency of 0",
        { profile: profile({ points: points(0, 2) }) },
        "p50 at batch 1 in ms is 0, must be above 0",
      ],
      ["a latency that is no number", { profile: profile({ points: points(Number.NaN) }) }, "is NaN"],
      [
        "percentiles upside down",
        { profile: profile({ points: [{ batch: 1, p50Ms: 3, p95Ms: 2, p99Ms: 4 }] }) },
        "p50 3, p95 2 and p99 4 ms do not rise",
      ],
      ["no load latency", { profile: profile({ loadMs: 0 }) }, "load latency in ms is 0"],
      ["no memory", { profile: profile({ peakMemoryBytes: 0n }) }, "peak memory in bytes is 0"],
      ["no golden answer", { goldenOutputs: [] }, "number of golden outputs is 0, must be 1"],
      ["an empty golden input", { goldenInputs: [new Uint8Array()] }, "golden input 0 is empty"],
    ])("refuses %s", async (_, fields, message) => {
      const { registry } = await withModel();
      const refused = registry.putVariants("mlp", 1, [exampleVariant(fields)]);
      await expect(refused).rejects.toMatchObject({ code: Code.INVALID_ARGUMENT });
      await expect(refused).rejects.toThrow(message);
    });

    it("takes no golden data of what was never answered, and no golden answer of what draws its answers", async () => {
      const { registry } = await withModel();
      const none = { goldenInputs: [], goldenOutputs: [] };
      const unprofiled = exampleVariant({ ...none, unprofiledReason: "no input was found" });
      await registry.putVariants("mlp", 1, [unprofiled]);
      await registry.putVariants("mlp", 1, [exampleVariant({ ...none, goldenTolerance: 0 })]);
      await registry.putVariants("mlp", 1, [exampleVariant({ goldenOutputs: [], goldenTolerance: 0 })]);
      const kept = registry.putVariants("mlp", 1, [exampleVariant(none)]);
      await expect(kept).rejects.toThrow("number of golden inputs is 0, must be 1");
    });

    it("lists every fault, not the first", async () => {
      const { registry } = await withModel();
      const refused = registry.putVariants("mlp", 1, [exampleVariant({ threads: 0, concurrency: 0 })]);
      await expect(refused).rejects.toThrow(/threads 0 is below 1; .*concurrency 0 is below 1/);
    });

    it("refuses a derived precision that loses more than the architecture tolerates", async () => {
      const { registry } = await withModel();
      const int8 = { name: "mlp-int8", precision: Precision.INT8, accuracy: { ...accuracy, value: 0.88 } };
      const family = [exampleVariant({ accuracy }), exampleVariant(int8)];
      await expect(registry.putVariants("mlp", 1, family)).rejects.toThrow(
        "loses 0.0200 accuracy, 0.01 is allowed",
      );
    });

    it("refuses a name twice, none at all, and more than the bound", async () => {
      const { registry } = await withModel();
      const twice = registry.putVariants("mlp", 1, [exampleVariant(), exampleVariant()]);
      await expect(twice).rejects.toThrow('variant "mlp-fp32" is given twice');
      await expect(registry.putVariants("mlp", 1, [])).rejects.toThrow("0 variants");
      const many = Array.from({ length: VARIANTS_MAX + 1 }, (_, index) =>
        exampleVariant({ name: `v${index}` }),
      );
      await expect(registry.putVariants("mlp", 1, many)).rejects.toThrow("41 variants");
    });

    it("can replace as many as there may be by as many others", async () => {
      const { registry, hub } = await withModel();
      const family = (prefix: string) =>
        Array.from({ length: VARIANTS_MAX }, (_, index) => exampleVariant({ name: `${prefix}${index}` }));
      await registry.putVariants("mlp", 1, family("a"));
      await registry.putVariants("mlp", 1, family("b"));
      expect(hub.view.of("variant").map(({ name }) => name[0])).toEqual(Array(VARIANTS_MAX).fill("b"));
    });

    it("refuses variants of an unknown architecture, an earlier version, and a taken name", async () => {
      const { registry } = await withVariant();
      await expect(registry.putVariants("cnn", 1, [exampleVariant()])).rejects.toMatchObject({
        code: Code.NOT_FOUND,
      });
      await registry.putArchitecture(exampleArchitecture({ modelDigest: otherDigest }));
      const late = registry.putVariants("mlp", 1, [exampleVariant()]);
      await expect(late).rejects.toThrow('version 1 of "mlp" is not its newest, which is 2');
      await registry.putArchitecture(exampleArchitecture({ name: "cnn" }));
      const taken = registry.putVariants("cnn", 1, [exampleVariant({ architecture: "cnn" })]);
      await expect(taken).rejects.toMatchObject({ code: Code.ALREADY_EXISTS });
    });

    it("drops the variants of the version before, and their placements", async () => {
      const { registry, hub, writer, members } = await withVariant();
      await members.join(executorMember("one"), 0);
      await setPlacement(writer, [placement("mlp-fp32", "one")], { wanted: true });
      await registry.putArchitecture(exampleArchitecture({ modelDigest: otherDigest }));
      await registry.putVariants("mlp", 2, [exampleVariant({ name: "mlp-v2", version: 2 })]);
      expect(hub.view.of("variant").map(({ name }) => name)).toEqual(["mlp-v2"]);
      expect(hub.view.of("executorPlacement")).toMatchObject([{ executor: "one", variants: [] }]);
    });
  });
});
