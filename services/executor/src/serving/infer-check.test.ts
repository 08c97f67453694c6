import { encodeBytes } from "@infaas/api";
import { checkInfer, type ModelSignature, type SentInput } from "./infer-check";

const model: ModelSignature = {
  inputs: [
    { name: "a", datatype: "FP32", dims: [-1, 2] },
    { name: "b", datatype: "INT64", dims: [-1, -1] },
  ],
  optionalInputs: [],
  outputs: [
    { name: "y", datatype: "FP32", dims: [-1, 3] },
    { name: "z", datatype: "FP32", dims: [-1, 1] },
  ],
  batchable: true,
};

function a(rows: number): SentInput {
  return { name: "a", datatype: "FP32", shape: [rows, 2], bytes: new Uint8Array(rows * 8) };
}

function b(rows: number, columns: number): SentInput {
  return { name: "b", datatype: "INT64", shape: [rows, columns], bytes: new Uint8Array(rows * columns * 8) };
}

describe("checkInfer", () => {
  it("gives inputs in the model's order, whatever the caller's", () => {
    const checked = checkInfer(model, [b(2, 5), a(2)], []);
    expect(checked).toMatchObject({
      ok: true,
      value: {
        rows: 2,
        dims: [
          [2, 2],
          [2, 5],
        ],
        outputs: [0, 1],
      },
    });
  });

  it.each([0, 5, 10_000])("takes %i rows, whatever the largest batch is", (rows) => {
    expect(checkInfer(model, [a(rows), b(rows, 1)], [])).toMatchObject({ ok: true, value: { rows } });
  });

  it("takes a million rows and no more", () => {
    const wide: ModelSignature = { ...model, inputs: [{ name: "e", datatype: "FP32", dims: [-1, 0] }] };
    const rows = (count: number) => {
      const sent = { name: "e", datatype: "FP32", shape: [count, 0], bytes: new Uint8Array() };
      return checkInfer(wide, [sent], []);
    };
    expect(rows(1_048_576)).toMatchObject({ ok: true, value: { rows: 1_048_576 } });
    expect(rows(1_048_577)).toEqual({ ok: false, fault: "request of 1048577 rows exceeds max 1048576" });
  });

  it("takes no axis beyond its limit, and says both numbers", () => {
    const columns = { name: "columns", places: [{ input: 1, axis: 1 }], measured: 4, max: 16, stated: false };
    const limited: ModelSignature = { ...model, axisLimits: [columns] };
    expect(checkInfer(limited, [b(1, 16), a(1)], [])).toMatchObject({ ok: true });
    expect(checkInfer(limited, [b(1, 17), a(1)], [])).toEqual({
      ok: false,
      fault: "axis columns has size 17, at most 16 is taken: it was measured with 4",
    });
  });

  it("gives requested outputs in the caller's order", () => {
    expect(checkInfer(model, [a(1), b(1, 1)], ["z", "y"])).toMatchObject({
      ok: true,
      value: { outputs: [1, 0] },
    });
  });

  it.each<[string, SentInput[], string]>([
    ["one input too few", [a(1)], "1 inputs were sent, the model has 2: a, b"],
    ["the same input twice", [a(1), a(1)], "input b is missing, sent were: a, a"],
    ["different rows", [a(2), b(3, 1)], "inputs disagree on rows: one has 2, another 3"],
    [
      "a wrong fixed axis",
      [{ ...a(1), shape: [2, 1] }, b(1, 1)],
      "input a: shape is [2, 1], the model takes [-1, 2]",
    ],
    [
      "a negative axis",
      [a(1), { ...b(1, 1), shape: [1, -1] }],
      "input b: shape is [1, -1], the model takes [-1, -1]",
    ],
    [
      "an axis that is no number",
      [a(1), { ...b(1, 1), shape: [1, Number.NaN] }],
      "input b: shape is [1, NaN]",
    ],
    [
      "bytes that don't fill the shape",
      [{ ...a(1), bytes: new Uint8Array(7) }, b(1, 1)],
      "input a: 7 bytes were sent, shape [1, 2] of FP32 takes 8",
    ],
    [
      "a shape whose size overflows",
      [a(1), { ...b(1, 1), shape: [2 ** 40, 2 ** 40] }],
      "input b: 8 bytes were sent, shape [1099511627776, 1099511627776] of INT64 takes",
    ],
    [
      "another datatype",
      [{ ...a(1), datatype: "FP16" }, b(1, 1)],
      "input a: datatype is FP16, the model takes FP32",
    ],
  ])("refuses %s, with both numbers", (_, sent, fault) => {
    const checked = checkInfer(model, sent, []);
    expect(checked.ok ? "" : checked.fault).toContain(fault);
  });

  it("counts a query to a model without batch axis as one row", () => {
    const alone = { ...model, batchable: false };
    expect(checkInfer(alone, [a(3), b(2, 1)], [])).toMatchObject({ ok: true, value: { rows: 1 } });
  });
});

describe("checkInfer of a model without a batch axis", () => {
  function take(datatype: string, dims: readonly number[]): ModelSignature {
    return { inputs: [{ name: "x", datatype, dims }], optionalInputs: [], outputs: [], batchable: false };
  }
  function sent(datatype: string, shape: readonly number[], bytes: Uint8Array): SentInput[] {
    return [{ name: "x", datatype, shape, bytes }];
  }

  it("takes scalars, tensors without elements, and any first axis as one row", () => {
    const scalar = checkInfer(take("INT64", []), sent("INT64", [], new Uint8Array(8)), []);
    expect(scalar).toMatchObject({ ok: true, value: { rows: 1, dims: [[]] } });
    const empty = checkInfer(take("FP32", [-1, 3]), sent("FP32", [0, 3], new Uint8Array(0)), []);
    expect(empty).toMatchObject({ ok: true, value: { rows: 1, dims: [[0, 3]] } });
    const seven = checkInfer(take("FP16", [-1]), sent("FP16", [7], new Uint8Array(14)), []);
    expect(seven).toMatchObject({ ok: true, value: { rows: 1, dims: [[7]] } });
  });

  it("counts strings, whatever their bytes are", () => {
    const words = encodeBytes([Buffer.from("a"), Buffer.from([0, 255])]);
    expect(checkInfer(take("BYTES", [-1]), sent("BYTES", [2], words), [])).toMatchObject({ ok: true });
    expect(checkInfer(take("BYTES", [-1]), sent("BYTES", [3], words), [])).toEqual({
      ok: false,
      fault: "input x: 2 elements were sent, shape [3] of BYTES takes 3",
    });
    expect(checkInfer(take("BYTES", [-1]), sent("BYTES", [2], words.subarray(0, 8)), [])).toEqual({
      ok: false,
      fault: "input x: BYTES element 1 goes beyond the 8 bytes sent",
    });
  });

  it("refuses a truth value that is neither", () => {
    const bytes = Uint8Array.of(0, 1, 2);
    expect(checkInfer(take("BOOL", [3]), sent("BOOL", [3], bytes), [])).toEqual({
      ok: false,
      fault: "input x: element 2 is 2, BOOL takes 0 and 1",
    });
  });

  it("refuses another number of axes, with both", () => {
    const fault = "input x: shape is [1], the model takes []";
    expect(checkInfer(take("INT64", []), sent("INT64", [1], new Uint8Array(8)), [])).toEqual({
      ok: false,
      fault,
    });
  });
});

describe("checkInfer: inputs with a default", () => {
  const scaled: ModelSignature = {
    ...model,
    inputs: model.inputs.slice(0, 1),
    optionalInputs: [
      { name: "scale", datatype: "FP32", dims: [1] },
      { name: "shift", datatype: "FP32", dims: [], anyRank: true },
    ],
  };
  const scale: SentInput = { name: "scale", datatype: "FP32", shape: [1], bytes: new Uint8Array(4) };
  const shift: SentInput = { name: "shift", datatype: "FP32", shape: [1, 1, 2], bytes: new Uint8Array(8) };

  it("may be left out", () => {
    const checked = checkInfer(scaled, [a(3)], []);
    expect(checked).toMatchObject({ ok: true, value: { rows: 3, dims: [[3, 2]] } });
    expect(checked.ok && "optional" in checked.value).toBe(false);
  });

  it("may be sent, in any order, and count no rows", () => {
    expect(checkInfer(scaled, [scale, a(3)], [])).toMatchObject({
      ok: true,
      value: { rows: 3, dims: [[3, 2], [1]], optional: [0] },
    });
    expect(checkInfer(scaled, [shift, a(3), scale], [])).toMatchObject({
      ok: true,
      value: { rows: 3, dims: [[3, 2], [1], [1, 1, 2]], optional: [0, 1] },
    });
  });

  it.each<[string, SentInput[], string]>([
    ["a required one left out", [scale], "input a is missing, sent were: scale"],
    [
      "one sent twice",
      [a(1), scale, scale],
      "input scale is unknown or sent twice, the model has a, scale (optional), shift (optional)",
    ],
    ["an unknown one", [a(1), { ...scale, name: "z" }], "input z is unknown or sent twice"],
    ["another size", [a(1), { ...scale, shape: [2], bytes: new Uint8Array(8) }], "input scale: shape is [2]"],
    [
      "too many",
      [a(1), scale, shift, scale],
      "4 inputs were sent, the model has 1 to 3: a, scale (optional), shift (optional)",
    ],
    [
      "too many axes",
      [a(1), { ...shift, shape: Array(17).fill(1), bytes: new Uint8Array(4) }],
      "the model takes up to 16 axes",
    ],
  ])("refuses %s", (_what, sent, fault) => {
    expect(checkInfer(scaled, sent, [])).toEqual({ ok: false, fault: expect.stringContaining(fault) });
  });
});
