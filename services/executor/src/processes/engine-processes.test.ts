import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { ModelInferRequestSchema } from "@infaas/api";
import { CoreGate } from "@infaas/cuda-batcher";
import { createNode } from "@infaas/onnx";
import { graphFile } from "@infaas/onnx/testing/graph-models";
import { Code, createLogger, every, readConfig, seededRandom, sleep, systemClock } from "@infaas/runtime";
import { executorOptions } from "../config";
import { sizedFor } from "../core/sized-config";
import type { EngineLoss, EngineOptions } from "../engines/engine-port";
import { PlainCaller } from "../testing/link-caller";
import { digits } from "../testing/zoo";
import { EngineProcesses } from "./engine-processes";
import { RemoteEngine } from "./remote-engine";

jest.setTimeout(120_000);

const hook = join(__dirname, "../../../metadata/src/testing/typescript.cjs");
const read = readConfig(executorOptions, [], {});
if (!read.ok) throw new Error(read.faults.join());
const defaults = sizedFor(read.config, { cores: 1, memoryBytes: 2 ** 34 });

/** INT64_MIN / -1 is a trap of the processor, and the engine does not guard against it. */
const division = graphFile({
  nodes: [createNode("Div", { inputs: ["a", "b"], outputs: ["y"] })],
  inputs: ["a", "b"].map((name) => ({ name, datatype: "INT64" as const, dims: ["n"] })),
  outputs: [{ name: "y", datatype: "INT64", dims: ["n"] }],
});
/** One multiplication of `size` x `size`: the engine does not look at the clock within it. */
const product = graphFile({
  nodes: [
    createNode("Expand", { inputs: ["x", "size"], outputs: ["large"] }),
    createNode("MatMul", { inputs: ["large", "large"], outputs: ["squared"] }),
    createNode("ReduceMax", { inputs: ["squared"], outputs: ["y"] }, { keepdims: 0 }),
  ],
  inputs: [
    { name: "x", datatype: "FP64", dims: [1, 1] },
    { name: "size", datatype: "INT64", dims: [2] },
  ],
  outputs: [{ name: "y", datatype: "FP64", dims: [] }],
});

/** Scores of each position for each: 224 KB of input are 784 MB of scores. */
const attention = graphFile({
  nodes: [
    createNode("Transpose", { inputs: ["x"], outputs: ["t"] }),
    createNode("MatMul", { inputs: ["x", "t"], outputs: ["scores"] }),
    createNode("Softmax", { inputs: ["scores"], outputs: ["weights"] }),
    createNode("MatMul", { inputs: ["weights", "x"], outputs: ["y"] }),
  ],
  inputs: [{ name: "x", datatype: "FP32", dims: ["n", 4] }],
  outputs: [{ name: "y", datatype: "FP32", dims: ["n", 4] }],
});

/** Looks again until it is so. */
async function eventually(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(systemClock, 50);
}

/** The value once it has stayed within a hundredth for two seconds. */
async function steady(value: () => number): Promise<number> {
  for (let from = value(), looks = 0; ; looks++) {
    if (looks === 40) return from;
    await sleep(systemClock, 50);
    if (Math.abs(value() - from) <= from / 100) continue;
    from = value();
    looks = -1;
  }
}

describe("EngineProcesses", () => {
  let folder = "";
  let processes: EngineProcesses;
  let cores: CoreGate;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "engine-processes-"));
    await writeFile(join(folder, "division.onnx"), division);
    await writeFile(join(folder, "product.onnx"), product);
    await writeFile(join(folder, "attention.onnx"), attention);
    cores = CoreGate.make(2);
    processes = new EngineProcesses({
      cores,
      isolation: "shared",
      clock: systemClock,
      random: seededRandom(1),
      logger: createLogger({ service: "test", level: "error", write: () => undefined }),
      folder: join(folder, "runs"),
      memoryBytes: 2 * 1024 ** 3,
      execArgv: ["--require", hook],
      config: { ...defaults, listen: "127.0.0.1:0", linkInFlightMax: 16, logLevel: "error" },
    });
  });
  afterAll(async () => {
    await processes.stop();
    await rm(folder, { recursive: true });
  });

  const open = async (variant: string, path: string, more: Partial<EngineOptions> = {}) => {
    const engine = await processes.open({
      owner: { variant, architecture: `${variant}.v1` },
      path,
      concurrency: 1,
      threads: 1,
      maxBatch: 4,
      latency: [],
      queueRowsMax: 64,
      queueBytesMax: 1 << 20,
      ...more,
    });
    const loss = new Promise<EngineLoss>((resolve) => engine.onLost?.(resolve));
    return { engine, loss };
  };
  const query = { rows: 1, dims: [[1, 1, 8, 8]], lane: 0, timeoutMs: null, signal: null };
  const int64 = (value: bigint) => new Uint8Array(BigInt64Array.of(value).buffer);
  const divide = (engine: RemoteEngine, a: bigint, b: bigint) =>
    engine.submit([int64(a), int64(b)], { ...query, dims: [[1], [1]] });
  const opened = async (variant: string, path: string, more: Partial<EngineOptions> = {}) => {
    const { engine, loss } = await open(variant, path, more);
    if (!(engine instanceof RemoteEngine)) throw new Error("not in a process of its own");
    return { engine, loss };
  };

  it("answers from a shared process, on links of its own and by message", async () => {
    const { engine } = await opened("digits", digits.model("digits-mlp-s"));
    const answer = await engine.submit([Buffer.alloc(digits.rowBytes)], query);
    expect(answer.outputDims).toEqual([[1, 10]]);
    processes.serve("digits", engine);
    const [line] = processes.lines();
    expect(line).toMatchObject({ name: "shared", port: expect.any(Number), linkPort: expect.any(Number) });
    const caller = new PlainCaller(`127.0.0.1:${line?.linkPort}`);
    const body = toBinary(
      ModelInferRequestSchema,
      create(ModelInferRequestSchema, {
        inputs: [{ name: "image", datatype: "FP32", shape: [1n, 1n, 8n, 8n] }],
        rawInputContents: [Buffer.alloc(digits.rowBytes)],
      }),
    );
    caller.send({ type: "infer", id: 1, timeoutMs: 0, lane: 0, trace: null, variant: "digits", body });
    expect(await caller.answerTo(1)).toMatchObject({ type: "answer" });
    caller.close();
    await engine.close();
  });

  it("loses a process to a division, and gives the culprit one of its own", async () => {
    const bystander = await opened("bystander", digits.model("digits-mlp-s"));
    const busy = await opened("busy", join(folder, "product.onnx"));
    // So many numbers in one run are divided by threads of the engine.
    const numbers = 1 << 20;
    const culprit = await opened("division", join(folder, "division.onnx"), {
      batching: "never",
      threads: 2,
      queueBytesMax: 1 << 25,
    });
    expect(culprit.engine.process).toBe(bystander.engine.process);
    const size = new Uint8Array(BigInt64Array.of(4_000n, 4_000n).buffer);
    const one = new Uint8Array(Float64Array.of(1).buffer);
    const unanswered = busy.engine.submit([one, size], { ...query, dims: [[1, 1], [2]] });
    await eventually(() => busy.engine.runningRows > 0);
    const all = (value: bigint) => new Uint8Array(new BigInt64Array(numbers).fill(value).buffer);
    const poison = [all(-(2n ** 63n)), all(-1n)];
    const trap = culprit.engine.submit(poison, { ...query, dims: [[numbers], [numbers]] });
    await expect(trap).rejects.toMatchObject({ code: Code.UNAVAILABLE });
    await expect(unanswered).rejects.toMatchObject({ code: Code.UNAVAILABLE });
    const innocent = { reason: "its engine process ended with SIGFPE", suspect: false };
    expect([await bystander.loss, await busy.loss]).toEqual([innocent, innocent]);
    expect(await culprit.loss).toEqual({
      reason: "its engine process ended with SIGFPE while it ran a batch",
      suspect: true,
    });
    await eventually(() => cores.inUse === 0);
    const again = await opened("division", join(folder, "division.onnx"));
    const back = await opened("bystander", digits.model("digits-mlp-s"));
    expect([again.engine.process, back.engine.process]).toEqual(["variant division", "shared"]);
    await expect(divide(again.engine, -(2n ** 63n), -1n)).rejects.toMatchObject({ code: Code.UNAVAILABLE });
    expect((await back.engine.submit([Buffer.alloc(digits.rowBytes)], query)).outputDims).toEqual([[1, 10]]);
    const third = await opened("division", join(folder, "division.onnx"));
    await expect(divide(third.engine, -(2n ** 63n), -1n)).rejects.toMatchObject({ code: Code.UNAVAILABLE });
    await expect(open("division", join(folder, "division.onnx"))).rejects.toMatchObject({
      code: Code.UNAVAILABLE,
      message: expect.stringMatching(
        /^its engine process ended 3 times within 10 minutes \(ended with SIGFPE\)/,
      ),
    });
    await back.engine.close();
  });

  it("refuses the query that needs more memory than its process may have, and answers the next", async () => {
    const { engine } = await opened("hungry", join(folder, "product.onnx"));
    const bystander = await opened("attentive", join(folder, "attention.onnx"), { batching: "never" });
    expect(bystander.engine.process).toBe(engine.process);
    const ask = async (size: bigint) => {
      const inputs = [Float64Array.of(1), BigInt64Array.of(size, size)].map(
        ({ buffer }) => new Uint8Array(buffer),
      );
      const answer = await engine.submit(inputs, { ...query, dims: [[1, 1], [2]] });
      return Buffer.from(answer.outputs[0] ?? []).readDoubleLE();
    };
    await expect(ask(40_000n)).rejects.toMatchObject({ code: Code.RESOURCE_EXHAUSTED });
    expect(await ask(3n)).toBe(3);
    // More than the engine has at hand: it maps memory anew, and what is left must do for the bystander's 648 MB.
    expect(await ask(700n)).toBe(700);
    const positions = 9_000;
    const asked = { ...query, dims: [[positions, 4]] };
    const answer = await bystander.engine.submit([new Uint8Array(positions * 16)], asked);
    expect(answer.outputDims).toEqual([[positions, 4]]);
    await engine.close();
    await bystander.engine.close();
  });

  it("gives back what a large query took, once nothing runs", async () => {
    const { engine } = await opened("attention", join(folder, "attention.onnx"), { batching: "never" });
    const ask = (positions: number) =>
      engine.submit([new Uint8Array(positions * 16)], { ...query, dims: [[positions, 4]] });
    const resident = () => processes.lines().find(({ name }) => name === engine.process)?.residentBytes ?? 0;
    await ask(8);
    const settled = await steady(resident);
    const answer = ask(14_000);
    let peak = 0;
    const watching = every(
      systemClock,
      20,
      () => {
        peak = Math.max(peak, resident());
      },
      () => undefined,
    );
    await answer.finally(() => watching.cancel());
    expect((await answer).outputDims).toEqual([[14_000, 4]]);
    expect(peak).toBeGreaterThan(settled + 400 * 1024 ** 2);
    await eventually(() => resident() < 1.05 * settled);
    await engine.close();
  });

  it("ends a process whose run does not react", async () => {
    const { engine, loss } = await opened("product", join(folder, "product.onnx"));
    const one = new Uint8Array(Float64Array.of(1).buffer);
    const size = new Uint8Array(BigInt64Array.of(9_000n, 9_000n).buffer);
    // Time enough to make the matrix, not to multiply it.
    const answer = engine.submit([one, size], { ...query, dims: [[1, 1], [2]], timeoutMs: 5_000 });
    await eventually(() => cores.inUse === 1);
    await expect(answer).rejects.toMatchObject({ code: Code.UNAVAILABLE });
    await eventually(() => cores.inUse === 0);
    expect(await loss).toMatchObject({
      suspect: true,
      reason: expect.stringMatching(/a run went on for \d+ ms after it was asked to end/),
    });
  });
});
