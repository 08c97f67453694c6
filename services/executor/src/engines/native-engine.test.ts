import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code } from "@infaas/runtime";
import { loopFile } from "../testing/abusive-models";
import { classesOf, digits, labelOf } from "../testing/zoo";
import type { Engine, EngineOptions, EngineQuery } from "./engine-port";
import { nativeEngines, nativeEngineVersion } from "./native-engine";

const examples = readFileSync(digits.inputsFile);

function rows(first: number, count: number): Uint8Array {
  return examples.subarray(first * digits.rowBytes, (first + count) * digits.rowBytes);
}

function query(count: number, more: Partial<EngineQuery> = {}): EngineQuery {
  return { rows: count, dims: [[count, 1, 8, 8]], lane: 0, timeoutMs: null, signal: null, ...more };
}

describe("nativeEngines", () => {
  const opened: Engine[] = [];
  const open = async (more: Partial<EngineOptions> = {}) => {
    const limits = { queueRowsMax: 64, queueBytesMax: 1_048_576 };
    const size = { concurrency: 1, threads: 1, maxBatch: 16 };
    const engine = await nativeEngines.open({
      path: digits.model("digits-mlp-s"),
      latency: [],
      ...size,
      ...limits,
      ...more,
    });
    opened.push(engine);
    return engine;
  };
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((engine) => engine.close()));
  });

  it("tells tensors by the names of the Open Inference Protocol", async () => {
    const engine = await open();
    expect(engine.inputs).toEqual([{ name: "image", datatype: "FP32", dims: [-1, 1, 8, 8] }]);
    expect(engine.batchable).toBe(true);
    expect(engine.maxBatch).toBe(16);
  });

  it("answers as the labels say, and tells where the time went", async () => {
    const engine = await open();
    const answer = await engine.submit([rows(0, 4)], query(4));
    const [logits] = answer.outputs;
    expect(classesOf(logits ?? new Uint8Array(), 10)).toEqual([0, 1, 2, 3].map(labelOf));
    expect(answer.outputDims).toEqual([[4, 10]]);
    expect(answer.runMs).toBeGreaterThan(0);
    answer.release();
    answer.release();
  });

  it("gives answers of one batch one number, and the next batch another", async () => {
    const engine = await open();
    const together = await Promise.all([0, 1, 2].map((i) => engine.submit([rows(i, 1)], query(1))));
    const later = await engine.submit([rows(0, 1)], query(1));
    const bySize = together.filter(({ batchSize }) => batchSize === 3);
    expect(new Set(bySize.map(({ batchId }) => batchId)).size).toBeLessThanOrEqual(1);
    expect(together.map(({ batchId }) => batchId)).not.toContain(later.batchId);
  });

  it("refuses a deadline that cannot be met", async () => {
    const engine = await open({ latency: [{ batch: 1, latencyMs: 5 }] });
    const late = engine.submit([rows(0, 1)], query(1, { timeoutMs: 0.000_1 }));
    await expect(late).rejects.toMatchObject({ code: Code.DEADLINE_EXCEEDED });
  });

  it("answers more rows than a batch has, each as it would be alone", async () => {
    const engine = await open();
    const all = await engine.submit([rows(0, 40)], query(40));
    const one = await engine.submit([rows(39, 1)], query(1));
    expect(all.outputDims[0]?.[0]).toBe(40);
    const [bytes, last] = [all.outputs[0]!, one.outputs[0]!];
    const floats = (part: Uint8Array) => [...new Float32Array(Uint8Array.from(part).buffer)];
    const rowOf39 = floats(bytes.subarray(bytes.length - last.length));
    for (const [i, value] of floats(last).entries()) expect(rowOf39[i]).toBeCloseTo(value, 4);
    all.release();
    one.release();
  });

  it("refuses at once when its queue is full, and answers what it took", async () => {
    const engine = await open({ queueRowsMax: 2 });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 40 }, (_, i) => engine.submit([rows(i, 1)], query(1))),
    );
    const refused = outcomes.filter((outcome) => outcome.status === "rejected");
    expect(refused.length).toBeGreaterThan(0);
    for (const outcome of refused) expect(outcome.reason).toMatchObject({ code: Code.RESOURCE_EXHAUSTED });
    expect(outcomes.length - refused.length).toBeGreaterThanOrEqual(2);
  });

  it("cancels by signal", async () => {
    const engine = await open();
    const abort = new AbortController();
    const answer = engine.submit([rows(0, 1)], query(1, { signal: abort.signal }));
    abort.abort();
    await expect(answer).rejects.toMatchObject({ code: Code.CANCELLED });
  });

  it("serves a caller who asks for a lower priority than there is", async () => {
    const engine = await open();
    await expect(engine.submit([rows(0, 1)], query(1, { lane: 200 }))).resolves.toMatchObject({
      batchSize: 1,
    });
  });

  it("refuses with UNAVAILABLE once it is closed, and closes twice", async () => {
    const engine = await open();
    await engine.close();
    await engine.close();
    await expect(engine.submit([rows(0, 1)], query(1))).rejects.toMatchObject({ code: Code.UNAVAILABLE });
  });

  it("says INTERNAL of a file that is no model", async () => {
    await expect(open({ path: digits.labelsFile })).rejects.toMatchObject({ code: Code.INTERNAL });
  });

  it("names the library that runs the models", () => {
    expect(nativeEngineVersion()).toMatch(/^onnxruntime \d+\.\d+/);
  });

  describe("when a caller's loop takes too long", () => {
    it("ends the run after its deadline, answers the next query and drains", async () => {
      const folder = await mkdtemp(join(tmpdir(), "endless-"));
      const path = join(folder, "loop.onnx");
      await writeFile(path, loopFile());
      const engine = await open({ path, latency: [{ batch: 1, latencyMs: 1 }] });
      const turns = (count: bigint, timeoutMs: number | null) => {
        const inputs = [new BigInt64Array([count]), new Float32Array(4)].map(
          ({ buffer }) => new Uint8Array(buffer),
        );
        return engine.submit(inputs, query(1, { dims: [[], [4]], timeoutMs }));
      };
      for (const timeoutMs of [100, 50]) {
        await expect(turns(10n ** 15n, timeoutMs)).rejects.toMatchObject({
          code: Code.DEADLINE_EXCEEDED,
          message: expect.stringMatching(/^the run was ended after \d+ ms, it was given \d+ ms$/),
        });
      }
      const answer = await turns(3n, null);
      expect([...new Float32Array(Uint8Array.from(answer.outputs[0] ?? []).buffer)]).toEqual([3, 3, 3, 3]);
      answer.release();
      await engine.drain();
      await rm(folder, { recursive: true });
    });
  });
});
