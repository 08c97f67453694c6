import { onnxType, writeModel } from "./onnx-model";

/** y = x + x over [N, ...dims]; the first axis is fixed when `batch` is a number. */
export function doubling(
  dims: readonly (number | string)[],
  batch: number | string = "N",
  type: number = onnxType.float32,
): string {
  const shape = [batch, ...dims];
  return writeModel({
    inputs: [{ name: "x", type, dims: shape }],
    outputs: [{ name: "y", type, dims: shape }],
    nodes: [{ op: "Add", inputs: ["x", "x"], outputs: ["y"] }],
  });
}

/** A dense network [N, width] -> [N, width] of `layers` square layers, all with the same seeded weights. */
export function dense(width: number, layers: number): string {
  const hidden = (i: number) => (i === 0 ? "x" : i === layers ? "y" : `h${i}`);
  return writeModel({
    inputs: [{ name: "x", type: onnxType.float32, dims: ["N", width] }],
    outputs: [{ name: "y", type: onnxType.float32, dims: ["N", width] }],
    nodes: Array.from({ length: layers }, (_, i) => ({
      op: "MatMul",
      inputs: [hidden(i), "w"],
      outputs: [hidden(i + 1)],
    })),
    weights: [{ name: "w", dims: [width, width], values: seeded(width * width, 1, 1 / Math.sqrt(width)) }],
  });
}

/** A loop over [N, width] that nothing ends but its caller. */
export function endless(width: number | string): string {
  const float = (name: string) => ({ name, type: onnxType.float32, dims: ["N", width] });
  const scalar = (name: string, type: number) => ({ name, type, dims: [] });
  const body = {
    inputs: [scalar("turn", onnxType.int64), scalar("goesOn", onnxType.bool), float("last")],
    outputs: [scalar("stillGoesOn", onnxType.bool), float("next")],
    nodes: [
      { op: "Identity", inputs: ["goesOn"], outputs: ["stillGoesOn"] },
      { op: "Add", inputs: ["last", "last"], outputs: ["next"] },
    ],
  };
  return writeModel({
    inputs: [float("x")],
    outputs: [float("y")],
    nodes: [
      { op: "Cast", inputs: ["one"], outputs: ["begins"], ints: { to: onnxType.bool } },
      { op: "Loop", inputs: ["", "begins", "x"], outputs: ["y"], graphs: { body } },
    ],
    weights: [{ name: "one", dims: [], values: Float32Array.of(1) }],
  });
}

/** Picks rows of a table: indices [N, 1] (int64, below `rows`) -> [N, 1, width]. An index out of range fails the run. */
export function lookup(rows: number, width: number): string {
  return writeModel({
    inputs: [{ name: "index", type: onnxType.int64, dims: ["N", 1] }],
    outputs: [{ name: "row", type: onnxType.float32, dims: ["N", 1, width] }],
    nodes: [{ op: "Gather", inputs: ["table", "index"], outputs: ["row"], ints: { axis: 0 } }],
    weights: [
      {
        name: "table",
        dims: [rows, width],
        values: Float32Array.from({ length: rows * width }, (_, i) => i),
      },
    ],
  });
}

/** Seeded numbers in [-scale, scale) (a linear congruential generator). */
export function seeded(length: number, seed: number, scale = 1): Float32Array {
  let state = seed >>> 0;
  const values = new Float32Array(length);
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = (state / 2 ** 31 - 1) * scale;
  }
  return values;
}

/** The bytes of a typed array, in place. */
export function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** Bytes read as float32, wherever they lie. */
export function floats(bytes: Uint8Array): number[] {
  return Array.from(new Float32Array(Uint8Array.from(bytes).buffer));
}
