import { type Batcher, NativeError, openBatcher } from "../lib";
import { bytesOf, dense, doubling, floats, lookup, seeded } from "./models";
import { onnxType } from "./onnx-model";

const base = { instances: 1, intraOpThreads: 1, maxBatch: 8 };
const opened: Batcher[] = [];
async function open(path: string, options: Partial<Parameters<typeof openBatcher>[0]> = {}) {
  const batcher = await openBatcher({ path, ...base, ...options });
  opened.push(batcher);
  return batcher;
}
afterEach(async () => {
  await Promise.all(opened.splice(0).map((batcher) => batcher.close()));
});

/** Occupies the only engine thread with a batch that takes tens of milliseconds; `over` settles when that ends. */
async function occupy(batcher: Batcher): Promise<{ over: Promise<unknown> }> {
  for (let attempt = 0; attempt < 20; attempt++) {
    let ended = false;
    const over = batcher.submit([new Uint8Array(2048 * batcher.maxBatch)], { rows: batcher.maxBatch });
    over.finally(() => {
      ended = true;
    });
    while (!ended && batcher.runningRows === 0) await new Promise(setImmediate);
    if (!ended) return { over };
  }
  throw new Error("every batch was over before it was seen to run");
}
const slow = () => dense(512, 512);
/** Keeps a batch waiting until it is full, so that what is in it doesn't hang on when an engine thread looks. */
const untilFull = { maxQueueDelayMs: 60_000 };

describe("submit", () => {
  describe("when the request does not fit the model", () => {
    it.each([
      ["a wrong byte length", [new Uint8Array(15)], { rows: 1 }, "input 'x' has 15 bytes, 1 rows need 16"],
      ["no bytes", [new Uint8Array(0)], { rows: 1 }, "input 'x' has 0 bytes, 1 rows need 16"],
      [
        "too many inputs",
        [new Uint8Array(16), new Uint8Array(16)],
        { rows: 1 },
        "2 inputs came, the model has 1",
      ],
      [
        "too many rows",
        [new Uint8Array(0)],
        { rows: 1_048_577 },
        "request of 1048577 rows exceeds max 1048576",
      ],
      ["no rows", [new Uint8Array(0)], { rows: 0 }, "rows is 0, allowed are whole numbers from 1"],
      [
        "other dims",
        [new Uint8Array(16)],
        { rows: 1, dims: [[1, 5]] },
        "input 'x' has dims [1, 5], the model takes [N, 4] with 1 rows",
      ],
    ])("refuses %s with both sizes", async (_, inputs, options, message) => {
      const batcher = await open(doubling([4]));
      await expect(batcher.submit(inputs, options)).rejects.toEqual(new NativeError("INVALID", message));
    });
  });

  it("answers the same for a row alone and among batchmates", async () => {
    const batcher = await open(dense(64, 3), untilFull);
    const rows = Array.from({ length: 8 }, (_, i) => bytesOf(seeded(64, i + 1)));
    const together = await Promise.all(rows.map((row) => batcher.submit([row], { rows: 1 })));
    expect(together.map((r) => r.batchSize)).toEqual(Array(8).fill(8));
    const alone: number[][] = [];
    for (const row of rows) {
      const result = await batcher.submit([row], { rows: 1, maxBatch: 1 });
      expect(result.batchSize).toBe(1);
      alone.push(floats(result.outputs[0]!));
    }
    const differences = together.flatMap((result, i) =>
      floats(result.outputs[0]!).map((value, c) => Math.abs(value - alone[i]![c]!)),
    );
    expect(Math.max(...differences)).toBeLessThan(1e-5);
  });

  it("reads inputs that are not aligned", async () => {
    const batcher = await open(doubling([2]));
    const bytes = new Uint8Array(9);
    bytes.set(bytesOf(Float32Array.of(1, 2)), 1);
    const result = await batcher.submit([bytes.subarray(1)], { rows: 1 });
    expect(floats(result.outputs[0]!)).toEqual([2, 4]);
    expect(batcher.stats().directBatches).toBe(0);
  });

  it.each([
    ["int64", onnxType.int64, BigInt64Array.of(3n, -4n), BigInt64Array.of(6n, -8n)],
    ["int32", onnxType.int32, Int32Array.of(3, -4), Int32Array.of(6, -8)],
    ["float64", onnxType.float64, Float64Array.of(0.5, 2), Float64Array.of(1, 4)],
  ])("runs %s tensors", async (dtype, type, input, output) => {
    const batcher = await open(doubling([2], "N", type));
    expect(batcher.inputs[0]!.dtype).toBe(dtype);
    const result = await batcher.submit([bytesOf(input)], { rows: 1 });
    expect(Uint8Array.from(result.outputs[0]!)).toEqual(Uint8Array.from(bytesOf(output)));
  });

  describe("when the model has no batch axis", () => {
    it("runs the tensor as it is, one request at a time", async () => {
      const batcher = await open(doubling([3], 2));
      expect([batcher.batchable, batcher.maxBatch]).toEqual([false, 1]);
      const result = await batcher.submit([bytesOf(Float32Array.of(1, 2, 3, 4, 5, 6))], { rows: 1 });
      expect(result.outputDims).toEqual([[2, 3]]);
      expect(floats(result.outputs[0]!)).toEqual([2, 4, 6, 8, 10, 12]);
    });
  });

  describe("when further axes are open", () => {
    it("wants dims, batches equal ones only, and answers with the dims of the output", async () => {
      const batcher = await open(doubling(["length", 2]), { maxBatch: 2, ...untilFull });
      await expect(batcher.submit([new Uint8Array(8)], { rows: 1 })).rejects.toMatchObject({
        message: "input 'x' is [N, length, 2]: the request must say its dims",
      });
      const ask = (length: number) =>
        batcher.submit([bytesOf(new Float32Array(length * 2).fill(length))], {
          rows: 1,
          dims: [[1, length, 2]],
        });
      const lengths = [3, 5, 3, 5];
      const results = await Promise.all(lengths.map(ask));
      expect(results.map((r) => r.outputDims[0])).toEqual(lengths.map((length) => [1, length, 2]));
      expect(results.map((r) => r.batchSize)).toEqual([2, 2, 2, 2]);
      const [three, five] = results.map((r) => r.batchId);
      expect(results.map((r) => r.batchId)).toEqual([three, five, three, five]);
      expect(three).not.toBe(five);
      for (const [i, length] of lengths.entries())
        expect(floats(results[i]!.outputs[0]!)).toEqual(new Array(length * 2).fill(length * 2));
    });
  });

  it("fails only the request that the engine can't run", async () => {
    const batcher = await open(lookup(10, 4));
    const ask = (index: bigint) => batcher.submit([bytesOf(BigInt64Array.of(index))], { rows: 1 });
    const [good, bad, other] = await Promise.allSettled([ask(1n), ask(99n), ask(2n)]);
    expect(good).toMatchObject({ status: "fulfilled" });
    expect(bad).toMatchObject({
      status: "rejected",
      reason: { code: "INVALID", message: expect.stringContaining("Gather node") },
    });
    if (other.status !== "fulfilled") throw other.reason;
    expect(floats(other.value.outputs[0]!)).toEqual([8, 9, 10, 11]);
  });

  describe("when the queue is full", () => {
    it("refuses at once with what it holds", async () => {
      const batcher = await open(slow(), { queueRowsMax: 8 });
      const busy = await occupy(batcher);
      const waits = batcher.submit([new Uint8Array(2048 * 8)], { rows: 8 });
      const refused = await batcher.submit([new Uint8Array(2048)], { rows: 1 }).catch((error) => error);
      expect(refused).toEqual(
        new NativeError(
          "FULL",
          "the queue has no room for 1 rows of 2048 bytes, it holds 8 rows and 268435456 bytes",
        ),
      );
      await Promise.all([busy.over, waits]);
    });
  });

  describe("when there is no time", () => {
    it("refuses at the door what can't be in time even alone", async () => {
      const batcher = await open(doubling([4]), {
        latencyMs: [
          [1, 100],
          [8, 200],
        ],
      });
      await expect(batcher.submit([new Uint8Array(16)], { rows: 1, timeoutMs: 50 })).rejects.toEqual(
        new NativeError("DEADLINE", "the request can't be answered within 50 ms, it would take 100.0 ms"),
      );
    });

    it("sheds what becomes late in the queue, without computing it", async () => {
      const batcher = await open(slow());
      const busy = await occupy(batcher);
      await expect(
        batcher.submit([new Uint8Array(2048)], { rows: 1, timeoutMs: 0.01 }),
      ).rejects.toMatchObject({
        code: "DEADLINE",
      });
      await busy.over;
      expect(batcher.stats().lateRows).toBe(0);
    });
  });

  describe("when its signal aborts", () => {
    it("leaves the queue without being computed", async () => {
      const batcher = await open(slow());
      const busy = await occupy(batcher);
      const abort = new AbortController();
      const cancelled = batcher.submit([new Uint8Array(2048)], { rows: 1, signal: abort.signal });
      abort.abort();
      await expect(cancelled).rejects.toMatchObject({ code: "CANCELLED" });
      await busy.over;
      expect(batcher.stats().cancelled).toBe(1);
      expect(batcher.stats().rowsRun % 8).toBe(0);
    });

    it("is refused when that was before", async () => {
      const batcher = await open(doubling([4]));
      await expect(
        batcher.submit([new Uint8Array(16)], { rows: 1, signal: AbortSignal.abort() }),
      ).rejects.toMatchObject({ code: "CANCELLED" });
    });
  });

  it("serves lane 0 first", async () => {
    const batcher = await open(slow());
    const busy = await occupy(batcher);
    const order: string[] = [];
    const ask = (lane: number, name: string) =>
      batcher.submit([new Uint8Array(2048)], { rows: 1, lane, maxBatch: 1 }).then(() => order.push(name));
    await Promise.all([ask(1, "low"), ask(1, "low"), ask(0, "high")]);
    await busy.over;
    expect(order[0]).toBe("high");
  });

  it("keeps a batch within a request's own largest", async () => {
    const batcher = await open(doubling([4]), untilFull);
    const results = await Promise.all(
      Array.from({ length: 4 }, () => batcher.submit([new Uint8Array(16)], { rows: 1, maxBatch: 2 })),
    );
    expect(results.map((r) => r.batchSize)).toEqual([2, 2, 2, 2]);
  });
});

describe("outputs", () => {
  const large = 8192; // floats: 32 KB a row are lent, not copied

  it("are lent when large, stay valid until released, and come back for the next batches", async () => {
    const batcher = await open(doubling([large]), { maxBatch: 2 });
    const first = await batcher.submit([bytesOf(new Float32Array(large).fill(1))], { rows: 1 });
    const second = await batcher.submit([bytesOf(new Float32Array(large).fill(2))], { rows: 1 });
    expect(first.outputs[0]!.buffer).toBe(second.outputs[0]!.buffer);
    expect(first.outputs[0]!.byteOffset).not.toBe(second.outputs[0]!.byteOffset);
    expect(floats(first.outputs[0]!)[0]).toBe(2);
    first.release();
    first.release();
    second.release();
    for (let i = 3; i < 20; i++) {
      const result = await batcher.submit([bytesOf(new Float32Array(large).fill(i))], { rows: 1 });
      expect(floats(result.outputs[0]!)[large - 1]).toBe(2 * i);
      expect(result.outputs[0]!.buffer).toBe(first.outputs[0]!.buffer);
      result.release();
    }
  });

  it("are copied when nobody gives lent ones back", async () => {
    const batcher = await open(doubling([large]), { maxBatch: 1 });
    const kept = [];
    for (let i = 0; i < 40; i++)
      kept.push(await batcher.submit([bytesOf(new Float32Array(large).fill(i))], { rows: 1 }));
    expect(kept.map((result) => floats(result.outputs[0]!)[5])).toEqual(kept.map((_, i) => 2 * i));
    for (const result of kept) result.release();
  });

  it("stay valid over close until they are released", async () => {
    const batcher = await open(doubling([large]));
    const result = await batcher.submit([bytesOf(new Float32Array(large).fill(3))], { rows: 1 });
    await batcher.close();
    expect(floats(result.outputs[0]!)[0]).toBe(6);
    result.release();
    expect(result.outputs[0]!.byteLength).toBe(0);
  });

  it("share no memory with another batch when small, and nobody has to give them back", async () => {
    const batcher = await open(doubling([4]));
    const ask = (value: number) => batcher.submit([bytesOf(new Float32Array(4).fill(value))], { rows: 1 });
    const together = await Promise.all([ask(1), ask(2)]);
    const kept = [...together, await ask(3), await ask(4)];
    expect(new Set(kept.slice(1).map((result) => result.outputs[0]!.buffer)).size).toBe(3);
    for (let i = 0; i < 40; i++) await ask(9);
    expect(kept.map((result) => floats(result.outputs[0]!)[0])).toEqual([2, 4, 6, 8]);
  });
});

describe("openBatcher", () => {
  it("says what is wrong with a file", async () => {
    await expect(openBatcher({ path: "/nowhere/model.onnx", ...base })).rejects.toMatchObject({
      code: "ENGINE",
      message: expect.stringContaining("/nowhere/model.onnx"),
    });
  });

  it.each([
    [{ instances: 0 }, "instances is 0, allowed are whole numbers from 1 to 1024"],
    [{ maxBatch: 1.5 }, "maxBatch is 1.5, allowed are whole numbers from 1 to 4096"],
    [{ maxQueueDelayMs: -1 }, "maxQueueDelayMs is -1, allowed are numbers from 0"],
  ])("refuses %j", async (wrong, message) => {
    await expect(openBatcher({ path: doubling([4]), ...base, ...wrong })).rejects.toEqual(
      new NativeError("INVALID", message),
    );
  });
});

describe("close", () => {
  it("may be called twice, and refuses later requests", async () => {
    const batcher = await open(doubling([4]));
    await Promise.all([batcher.close(), batcher.close()]);
    await batcher.close();
    await expect(batcher.submit([new Uint8Array(16)], { rows: 1 })).rejects.toMatchObject({ code: "CLOSED" });
    expect(batcher.stats().requests).toBe(0);
    expect([batcher.queuedRows, batcher.runningRows, batcher.drainTimeMs()]).toEqual([0, 0, 0]);
  });

  it("lets the running batch end and refuses the queued with CLOSED", async () => {
    const batcher = await open(slow());
    const busy = await occupy(batcher);
    const second = batcher.submit([new Uint8Array(2048)], { rows: 1 });
    const refused = expect(second).rejects.toMatchObject({ code: "CLOSED" });
    await batcher.close();
    await expect(busy.over).resolves.toMatchObject({ batchSize: 8 });
    await refused;
  });

  it("after drain has answered everybody", async () => {
    const batcher = await open(dense(128, 4));
    const ask = () => batcher.submit([new Uint8Array(512)], { rows: 1 });
    const answers = Promise.allSettled(Array.from({ length: 30 }, ask));
    await batcher.drain();
    await batcher.close();
    expect((await answers).every((answer) => answer.status === "fulfilled")).toBe(true);
  });
});
