import { readFileSync } from "node:fs";
import { Code } from "@infaas/runtime";
import { referenceEngines } from "../testing/onnxruntime-reference";
import { digits } from "../testing/zoo";
import { deviceEngines } from "./device-engines";
import type { Engine, EnginePort } from "./engine-port";
import { nativeEngines } from "./native-engine";
import { largestDifference } from "./tensor-difference";

const BATCH_MAX = 64;
const TOLERANCE = 1e-5;
const examples = readFileSync(digits.inputsFile);

/** The kernel module on the host device. */
const onHostDevice = deviceEngines(nativeEngines, "host");

function open(engines: EnginePort, name: string): Promise<Engine> {
  return engines.open({
    path: digits.model(name),
    threads: 1,
    concurrency: 1,
    maxBatch: BATCH_MAX,
    batching: "inputs",
    latency: [],
    queueRowsMax: 1_024,
    queueBytesMax: 1 << 26,
    onDevice: true,
  });
}

async function ask(engine: Engine, first: number, rows: number): Promise<Buffer> {
  const input = examples.subarray(first * digits.rowBytes, (first + rows) * digits.rowBytes);
  const query = { rows, dims: [[rows, 1, 8, 8]], lane: 0, timeoutMs: null, signal: null };
  const answer = await engine.submit([input], query);
  const [output] = answer.outputs.map((bytes) => Buffer.from(bytes));
  answer.release();
  return output!;
}

describe("the kernel module on the host device", () => {
  describe.each(["digits-logreg", "digits-mlp-s", "digits-mlp-l"])("%s", (name) => {
    const opened: Engine[] = [];
    afterAll(() => Promise.all(opened.map((engine) => engine.close())));

    it("answers within 1e-5 of ONNX Runtime, and a row the same alone and among any others", async () => {
      const [engine, reference] = await Promise.all([open(onHostDevice, name), open(referenceEngines, name)]);
      opened.push(engine, reference);
      expect(engine.batchable).toBe(true);
      expect(engine.outputs).toEqual(reference.outputs);
      const together = await ask(engine, 0, BATCH_MAX);
      const wanted = await ask(reference, 0, BATCH_MAX);
      const scale = Math.max(1, ...new Float32Array(Uint8Array.from(wanted).buffer).map(Math.abs));
      expect(largestDifference("FP32", together, wanted)).toBeLessThanOrEqual(TOLERANCE * scale);
      const rowBytes = together.byteLength / BATCH_MAX;
      const alone = await Promise.all(Array.from({ length: BATCH_MAX }, (_, row) => ask(engine, row, 1)));
      for (const [row, answer] of alone.entries())
        expect(Buffer.compare(answer, together.subarray(row * rowBytes, (row + 1) * rowBytes))).toBe(0);
    });
  });

  it("does not open a file that it does not run, and says why", async () => {
    await expect(open(onHostDevice, "digits-cnn-s")).rejects.toMatchObject({
      code: Code.FAILED_PRECONDITION,
      message: "the kernel module does not run this file: operator Conv is not run",
    });
  });

  it("does not open anything where there is no device, or another one", async () => {
    await expect(open(deviceEngines(nativeEngines, null), "digits-mlp-s")).rejects.toMatchObject({
      code: Code.FAILED_PRECONDITION,
      message: expect.stringContaining("runs on a device, this executor has none (--device)"),
    });
    await expect(open(deviceEngines(nativeEngines, "cuda:999"), "digits-mlp-s")).rejects.toThrow();
  });
});
