import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { AccuracyOrigin, type Adapter, AdapterSchema, encodeBytes, type Task, TaskSchema } from "@infaas/api";
import { createNode, encodeModel, readSignature, type TensorSignature } from "@infaas/onnx";
import { fixtureModel, fixtureRows } from "@infaas/onnx/testing/dense-models";
import { Code, systemClock } from "@infaas/runtime";
import { referenceEngines } from "../../testing/onnxruntime-reference";
import { ModelRunner, withRunner } from "../onnx/model-runner";
import { accuracyOf, measureAccuracy, readValidation } from "./accuracy";

const input: TensorSignature = { name: "x", datatype: "FP32", shape: [-1, 3] };
const validation = { dataset: "d", inputsDigest: "inputs", labelsDigest: "labels", count: 4 };
const task = create(TaskSchema, { name: "t", metric: "accuracy", validation });

const filesOf = (inputs: Buffer, labels: readonly number[]) => async (digest: string) =>
  digest === "inputs" ? inputs : Buffer.from(Int32Array.from(labels).buffer);

const read = (of: Task, readArtifact: ReturnType<typeof filesOf>, adapter?: Adapter) =>
  readValidation({ task: of, inputs: [input], adapter, readArtifact });

describe("readValidation", () => {
  it("is null for a task without examples", async () => {
    expect(await read(create(TaskSchema), filesOf(Buffer.alloc(0), []))).toBeNull();
  });

  it("pairs rows with labels", async () => {
    const pairs = await read(task, filesOf(fixtureRows(4, 3), [2, 0, -1, 1]));
    expect(pairs?.rows.count).toBe(4);
    expect([...(pairs?.labels ?? [])]).toEqual([2, 0, -1, 1]);
  });

  it("makes rows of texts by the model's adapter", async () => {
    const texts = create(TaskSchema, {
      name: "t",
      metric: "accuracy",
      validation: { ...validation, adapted: true },
    });
    const kind = { case: "text", value: { length: 3, alphabet: "ab", unknownId: 7 } } as const;
    const adapter = create(AdapterSchema, { kind });
    const files = filesOf(
      Buffer.from(encodeBytes(["ab", "", "bxaaa", "a"].map((t) => Buffer.from(t)))),
      [0, 1, 2, 0],
    );
    const pairs = await read(texts, files, adapter);
    const values = [1, 2, 0, 0, 0, 0, 2, 7, 1, 1, 0, 0];
    expect(pairs?.rows.inputsOf([0, 1, 2, 3])).toEqual([Buffer.from(Float32Array.from(values).buffer)]);
    await expect(read(texts, files)).rejects.toThrow("are pictures or texts: the model has no adapter");
    const more = create(TaskSchema, { name: "t", validation: { ...validation, adapted: true, count: 3 } });
    await expect(read(more, filesOf(await files("inputs"), [0, 1, 2]), adapter)).rejects.toThrow(
      "4 are there, 3 are stated",
    );
  });

  it.each([
    [
      "too few labels",
      task,
      filesOf(fixtureRows(4, 3), [1, 2]),
      Code.INVALID_ARGUMENT,
      "8 bytes; 4 examples need 16",
    ],
    [
      "inputs of another size",
      task,
      filesOf(fixtureRows(4, 2), [1, 2, 3, 4]),
      Code.INVALID_ARGUMENT,
      "takes 12 bytes each",
    ],
    [
      "another metric",
      create(TaskSchema, { ...task, metric: "f1" }),
      filesOf(fixtureRows(4, 3), [1, 2, 3, 4]),
      Code.UNIMPLEMENTED,
      "f1",
    ],
  ])("refuses %s", async (_, asked, files, code, message) => {
    const fault = { code, message: expect.stringContaining(message) };
    await expect(read(asked, files)).rejects.toMatchObject(fault);
  });
});

describe("measureAccuracy", () => {
  it.each([1, 3, 64])(
    "counts rows whose largest score is at their label, in batches of %d",
    async (batch) => {
      const folder = await mkdtemp(join(tmpdir(), "accuracy-"));
      const path = join(folder, "identity.onnx");
      const nodes = [createNode("Identity", { inputs: ["x"], outputs: ["y"] })];
      const model = fixtureModel({ nodes, constants: [], input: ["N", 3], output: ["N", 3] });
      await writeFile(path, encodeModel(model));
      // Scores: the largest is at 2, at 0, at 1, and at 0 before its equal at 1.
      const scores = Buffer.from(Float32Array.of(0, 1, 2, 5, 4, 3, -3, -1, -2, 7, 7, 0).buffer);
      const labelled = (await read(task, filesOf(scores, [2, 0, 0, 0])))!;
      const open = ModelRunner.open(referenceEngines, labelled.rows, {
        path,
        threads: 1,
        concurrency: 1,
        maxBatch: 64,
      });
      const output = readSignature(model).outputs[0]!;
      const accuracy = await withRunner(open, (runner) =>
        measureAccuracy({ runner, validation: labelled, output, batch, clock: systemClock }),
      );
      expect(accuracy).toBe(0.75);
      await rm(folder, { recursive: true });
    },
  );
});

describe("accuracyOf", () => {
  it("prefers what was measured, then takes the owner's word, then says nothing", () => {
    const measured = accuracyOf({ measured: 0.9, declared: 0.99, task });
    expect(measured).toMatchObject({ value: 0.9, metric: "accuracy", dataset: "d", sampleCount: 4 });
    expect(measured?.origin).toBe(AccuracyOrigin.MEASURED);
    expect(accuracyOf({ measured: null, declared: 0.99, task })).toMatchObject({
      value: 0.99,
      sampleCount: 0,
      origin: AccuracyOrigin.DECLARED,
    });
    expect(accuracyOf({ measured: null, declared: undefined, task })).toBeUndefined();
  });
});
