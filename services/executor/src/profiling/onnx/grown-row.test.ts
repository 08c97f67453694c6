import { encodeBytes } from "@infaas/api";
import type { TensorSignature } from "@infaas/onnx";
import { grownRow } from "./grown-row";
import { listedRows } from "./row-set";

describe("grownRow", () => {
  it("repeats the elements of a row along each axis that grows", () => {
    const inputs: TensorSignature[] = [
      { name: "x", datatype: "INT16", shape: [-1, 2, -1] },
      { name: "t", datatype: "BYTES", shape: [-1] },
      { name: "d", datatype: "INT64", shape: [-1] },
    ];
    const x = Buffer.from(Int16Array.of(1, 2, 3, 4, 5, 6).buffer);
    const t = Buffer.from(encodeBytes([Buffer.from("a"), Buffer.from("bc")]));
    const d = Buffer.from(BigInt64Array.of(-1n, -(2n ** 52n) + 1n).buffer);
    const rows = listedRows(
      inputs,
      [
        { shape: [1, 2, 3], rows: [x] },
        { shape: [2], rows: [t] },
        { shape: [2], rows: [d] },
      ],
      1,
    );
    const grown = grownRow(inputs, rows, [[1, 1, 2], [2], [2]]);
    expect(grown.dimsOf(1)).toEqual([[1, 2, 6], [4], [4]]);
    const [numbers, texts, wide] = grown.inputsOf([0]);
    expect([...new Int16Array(Uint8Array.from(numbers!).buffer)]).toEqual([
      1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6,
    ]);
    expect(texts).toEqual(Buffer.concat([t, t]));
    expect(wide).toEqual(Buffer.concat([d, d]));
  });
});
