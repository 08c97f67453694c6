import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { ModelInferRequestSchema } from "@infaas/api";
import { LoadedModel } from "@infaas/cuda-batcher/testing";
import fc from "fast-check";
import { nativeLimits } from "../engines/axis-limits";
import { digits } from "../testing/zoo";
import { checkSent, readInfer } from "./infer-decode";
import { SharedMemory } from "./shared-memory";

const limit = { places: [{ input: 0, axis: 0 }], measured: 1, max: 12, stated: false };
const axisLimits = [
  { ...limit, name: "rows" },
  { ...limit, name: "channels", places: [{ input: 0, axis: 1 }], max: 64 },
];
const model = {
  inputs: [{ name: "image", datatype: "FP32", dims: [-1, 1, 8, 8] }],
  optionalInputs: [],
  outputs: [{ name: "logits", datatype: "FP32", dims: [-1, 10] }],
  batchable: true,
  axisLimits,
};
const datatypes = {
  inputs: ["FP32"],
  outputs: ["FP32"],
  axisLimits: nativeLimits(axisLimits, [[-1, 1, 8, 8]]),
};
const memory = new SharedMemory();

/** What JavaScript makes of a request. */
function checkedBy(body: Uint8Array) {
  const sent = readInfer(body, memory);
  return sent.ok ? checkSent(sent.value, model) : sent;
}

type Init = MessageInitShape<typeof ModelInferRequestSchema>;
const mostly = <T>(right: T, ...wrong: T[]) =>
  fc.oneof({ weight: 8, arbitrary: fc.constant(right) }, ...wrong.map((value) => fc.constant(value)));
const input = fc.integer({ min: 1, max: 17 }).chain((rows) =>
  fc.record({
    name: mostly("image", "x", ""),
    datatype: mostly("FP32", "INT32", "BYTES"),
    shape: mostly([rows, 1, 8, 8], [rows, 64], [rows, 1, 8, 9], [], [0, 1, 8, 8], [rows, 1, 8, 8, 1]),
    bytes: mostly(rows * digits.rowBytes, 0, rows * digits.rowBytes - 1),
  }),
);
const request: fc.Arbitrary<Init> = fc
  .record({
    inputs: mostly(1, 0, 2).chain((count) => fc.array(input, { minLength: count, maxLength: count })),
    outputs: fc.array(mostly("logits", "other"), { maxLength: 2 }),
    spare: mostly(0, 1),
  })
  .map(({ inputs, outputs, spare }) => ({
    modelName: "digits",
    inputs: inputs.map(({ name, datatype, shape }) => ({ name, datatype, shape: shape.map(BigInt) })),
    outputs: outputs.map((name) => ({ name })),
    rawInputContents: [...inputs.map(({ bytes }) => bytes), ...new Array<number>(spare).fill(4)].map(
      (bytes) => new Uint8Array(bytes),
    ),
  }));
const encoded = (init: Init) => toBinary(ModelInferRequestSchema, create(ModelInferRequestSchema, init));

describe("the native links' judgement of a request", () => {
  let loaded: LoadedModel;
  beforeAll(async () => {
    const size = { instances: 1, intraOpThreads: 1, maxBatch: 16 };
    loaded = await LoadedModel.open({ path: digits.model("digits-mlp-s"), ...size });
  });
  afterAll(() => loaded.close());

  it("is that of JavaScript, where requests are whole", () => {
    let taken = 0;
    let tooLarge = 0;
    fc.assert(
      fc.property(request, (init) => {
        const body = encoded(init);
        const judged = loaded.judge(body, datatypes);
        const checked = checkedBy(body);
        // Without rows nothing runs as it came: JavaScript answers that.
        expect(judged !== null).toBe(checked.ok && checked.value.rows > 0);
        if (!checked.ok && checked.fault.includes("axis rows has size")) tooLarge += 1;
        if (judged === null || !checked.ok) return;
        taken += 1;
        expect(judged).toEqual({ rows: checked.value.rows, outputs: checked.value.outputs });
      }),
      { numRuns: 1_000, seed: 11 },
    );
    expect(taken).toBeGreaterThan(100);
    expect(tooLarge).toBeGreaterThan(50);
  });

  it("says yes to nothing that JavaScript would not, where bytes are broken", () => {
    fc.assert(
      fc.property(request, fc.nat(), fc.integer({ min: 0, max: 255 }), (init, at, byte) => {
        const body = encoded(init);
        // The head and its lengths, not the tensor's values.
        if (body.length > 0) body[at % Math.min(body.length, 96)] = byte;
        const judged = loaded.judge(body, datatypes);
        if (judged === null) return;
        const checked = checkedBy(body);
        expect(checked.ok && { rows: checked.value.rows, outputs: checked.value.outputs }).toEqual(judged);
      }),
      { numRuns: 3_000, seed: 12 },
    );
  });
});
