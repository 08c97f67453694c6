import { readFileSync } from "node:fs";
import { seededRandom } from "@infaas/runtime";
import { digits } from "../testing/zoo";
import type { Engine, EngineAnswer } from "./engine-port";
import { nativeEngines } from "./native-engine";

const QUERIES = 1_000;
const IN_FLIGHT = 16;
const COMPANY_ROWS_MAX = 24;
const examples = readFileSync(digits.inputsFile);

describe("queries that share no batch", () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await nativeEngines.open({
      path: digits.model("digits-cnn-s"),
      threads: 1,
      concurrency: 2,
      maxBatch: 16,
      batching: "inputs",
      latency: [],
      queueRowsMax: 4_096,
      queueBytesMax: 1 << 26,
    });
  });
  afterAll(() => engine.close());

  it.each([1, 5, 40])("are answered bit for bit alike among random traffic: %d rows", async (rows) => {
    const random = seededRandom(rows);
    let running = true;
    const company = Array.from({ length: IN_FLIGHT }, async () => {
      while (running) {
        const count = 1 + Math.floor(random.next() * COMPANY_ROWS_MAX);
        const shared = await ask(Math.floor(random.next() * (digits.count - count)), count, false);
        expect(shared.bytes.byteLength).toBe(count * 10 * 4);
      }
    });
    const own = await ask(0, rows, true);
    for (let query = 0; query < QUERIES; query += IN_FLIGHT) {
      const answers = await Promise.all(Array.from({ length: IN_FLIGHT }, () => ask(0, rows, true)));
      for (const { bytes, batchSize } of answers) {
        expect(Buffer.compare(bytes, own.bytes)).toBe(0);
        expect(batchSize).toBe(rows);
      }
    }
    running = false;
    await Promise.all(company);
  });

  async function ask(first: number, rows: number, alone: boolean) {
    // Memory of callers is aligned by chance.
    const memory = Buffer.alloc(rows * digits.rowBytes + 64);
    const at = 4 * (first % 16);
    examples.copy(memory, at, first * digits.rowBytes, (first + rows) * digits.rowBytes);
    const input = memory.subarray(at, at + rows * digits.rowBytes);
    const query = { rows, dims: [[rows, 1, 8, 8]], lane: 1, alone, timeoutMs: null, signal: null };
    return copied(await engine.submit([input], query));
  }
});

function copied(answer: EngineAnswer) {
  const bytes = Uint8Array.from(answer.outputs[0]!);
  answer.release();
  return { bytes, batchSize: answer.batchSize };
}
