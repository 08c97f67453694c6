import { Code } from "@infaas/runtime";
import { MemoryEngines } from "../testing/memory-engine";
import type { EngineOptions, Padding } from "./engine-port";
import { paddedEngines } from "./padded-engine";

const seen: number[][][] = [];
/** Answers each id beside its mask, and how many it was given. */
const model = {
  inputs: [
    { name: "ids", datatype: "INT32", dims: [-1, -1] },
    { name: "mask", datatype: "UINT8", dims: [-1, -1] },
  ],
  outputs: [
    { name: "echo", datatype: "INT32", dims: [-1, -1] },
    { name: "mask", datatype: "UINT8", dims: [-1, -1] },
  ],
  batchable: false,
  run: (inputs: readonly Uint8Array[], { dims }: { dims: readonly (readonly number[])[] }) => {
    seen.push(dims.map((shape) => [...shape]));
    return inputs;
  },
};
const padding: Padding = {
  sizes: [4, 8],
  inputs: [
    { name: "ids", axis: 1, value: 7 },
    { name: "mask", axis: 1, value: 0 },
  ],
  outputs: [{ name: "echo", axis: 1 }],
};
const options: EngineOptions = {
  path: "",
  concurrency: 1,
  threads: 1,
  maxBatch: 1,
  latency: [],
  queueRowsMax: 8,
  queueBytesMax: 1_024,
};

describe("paddedEngines", () => {
  beforeEach(() => {
    seen.length = 0;
  });

  async function ask(ids: readonly number[], rows: number, maskLength = ids.length / rows) {
    const engine = await paddedEngines(new MemoryEngines(model), padding).open(options);
    const inputs = [Buffer.from(Int32Array.from(ids).buffer), Buffer.alloc(rows * maskLength, 1)];
    const dims = [
      [rows, ids.length / rows],
      [rows, maskLength],
    ];
    const answer = await engine.submit(inputs, { rows: 1, dims, lane: 0, timeoutMs: null, signal: null });
    return answer.outputs.map((bytes) => [...bytes]);
  }

  it("pads inputs that belong together to the next size, row by row", async () => {
    const [, mask] = await ask([1, 2, 3, 4, 5, 6], 2);
    expect(seen).toEqual([
      [
        [2, 4],
        [2, 4],
      ],
    ]);
    expect(mask).toEqual([1, 1, 1, 0, 1, 1, 1, 0]);
  });

  it.each([
    ["a length that is a size already", [1, 2, 3, 4], 4, 4],
    ["a length beyond the largest size", Array(9).fill(1), 9, 9],
    ["inputs of different length", [1, 2, 3], 3, 2],
  ])("runs %s as it is", async (_, ids, length, maskLength) => {
    await ask(ids, 1, maskLength);
    expect(seen).toEqual([
      [
        [1, length],
        [1, maskLength],
      ],
    ]);
  });

  it.each<[string, Partial<Padding>, string]>([
    ["sizes that do not rise", { sizes: [8, 4] }, "padding sizes 8, 4 are no rising whole numbers"],
    ["no sizes", { sizes: [] }, "padding has 0 sizes, allowed are 1 to 32"],
    ["no inputs", { inputs: [] }, "padding names no input"],
    [
      "an input that is not there",
      { inputs: [{ name: "x", axis: 1, value: 0 }] },
      "padding names input x, the model has ids, mask",
    ],
    [
      "the batch axis",
      { inputs: [{ name: "ids", axis: 0, value: 0 }] },
      "padding names axis 0 of input ids, which is [-1, -1]; padded are free axes after the first",
    ],
  ])("refuses %s", async (_, more, message) => {
    const open = paddedEngines(new MemoryEngines(model), { ...padding, ...more }).open(options);
    await expect(open).rejects.toMatchObject({ code: Code.INVALID_ARGUMENT, message });
  });
});
