import type { Task, TensorSpec } from "@infaas/api/messages";

/** One row for a task: the tensor's bytes, little-endian and row-major, and its shape. */
export interface Row {
  readonly name: string;
  readonly datatype: string;
  readonly shape: bigint[];
  readonly bytes: Uint8Array;
}

/** How people give a task its input. */
export type InputKind = "image" | "text" | "numbers";

/** The task's first input that a query has to bring; null where it has none yet. */
export function inputOf(task: Task): TensorSpec | null {
  return task.signature?.inputs.find((spec) => !spec.optional) ?? null;
}

export function inputKind(task: Task): InputKind {
  if (task.image !== undefined) return "image";
  return task.text === undefined ? "numbers" : "text";
}

/** A picture of RGBA bytes as the task's image hint has it: grey or colour, planes or pixels, scaled. */
export function imageRow(task: Task, spec: TensorSpec, rgba: Uint8ClampedArray): Row {
  const { width = 0, height = 0, channels = 1, layout = "NCHW", scale = 1, offset = 0 } = task.image ?? {};
  const pixels = width * height;
  const values = new Array<number>(pixels * channels);
  for (let pixel = 0; pixel < pixels; pixel++) {
    const levels = channels === 1 ? [greyAt(rgba, pixel)] : [0, 1, 2, 3].map((c) => rgba[pixel * 4 + c] ?? 0);
    for (let c = 0; c < channels; c++) {
      const at = layout === "NHWC" ? pixel * channels + c : c * pixels + pixel;
      values[at] = (levels[c] ?? 0) * scale + offset;
    }
  }
  return rowOf(spec, values);
}

/** Luma of ITU-R BT.601, as Pillow's "L" mode has it. */
function greyAt(rgba: Uint8ClampedArray, pixel: number): number {
  const [red = 0, green = 0, blue = 0] = rgba.subarray(pixel * 4, pixel * 4 + 3);
  return 0.299 * red + 0.587 * green + 0.114 * blue;
}

/** Characters as the task's text hint numbers them; shorter texts are filled with 0, longer ones cut. */
export function textRow(task: Task, spec: TensorSpec, text: string): Row {
  const { length = 0, alphabet = "", unknownId = 0 } = task.text ?? {};
  const characters = [...text].slice(0, length);
  const ids = characters.map((c) => {
    const at = [...alphabet].indexOf(c);
    return at < 0 ? unknownId : at + 1;
  });
  return rowOf(spec, [...ids, ...new Array<number>(length - ids.length).fill(0)]);
}

/** Numbers as people type them, between commas or blanks; null where one is none. */
export function numbersRow(spec: TensorSpec, text: string): Row | null {
  const words = text.split(/[\s,[\]]+/).filter((word) => word !== "");
  const values = words.map(Number);
  return values.some((value) => Number.isNaN(value)) ? null : rowOf(spec, values);
}

/** One row of these values: free axes are 1, but for the first behind the rows, which takes what is left. */
function rowOf({ name, datatype, shape }: TensorSpec, values: readonly number[]): Row {
  const known = shape.reduce((size, axis) => (axis > 0n ? size * axis : size), 1n);
  let left = BigInt(values.length) / known;
  const sizes = shape.map((axis, i) => {
    if (axis > 0n) return axis;
    if (i === 0) return 1n;
    const size = left;
    left = 1n;
    return size;
  });
  return { name, datatype, shape: sizes, bytes: encode(datatype, values) };
}

type Put = (view: DataView, at: number, value: number) => void;
const encodings: Readonly<Record<string, readonly [bytes: number, put: Put]>> = {
  BOOL: [1, (view, at, value) => view.setUint8(at, value === 0 ? 0 : 1)],
  UINT8: [1, (view, at, value) => view.setUint8(at, value)],
  INT8: [1, (view, at, value) => view.setInt8(at, value)],
  UINT16: [2, (view, at, value) => view.setUint16(at, value, true)],
  INT16: [2, (view, at, value) => view.setInt16(at, value, true)],
  UINT32: [4, (view, at, value) => view.setUint32(at, value, true)],
  INT32: [4, (view, at, value) => view.setInt32(at, value, true)],
  FP32: [4, (view, at, value) => view.setFloat32(at, value, true)],
  UINT64: [8, (view, at, value) => view.setBigUint64(at, BigInt(Math.round(value)), true)],
  INT64: [8, (view, at, value) => view.setBigInt64(at, BigInt(Math.round(value)), true)],
  FP64: [8, (view, at, value) => view.setFloat64(at, value, true)],
};

/** Throws for a datatype that this page cannot write: FP16, BF16 and BYTES. */
function encode(datatype: string, values: readonly number[]): Uint8Array {
  const encoding = encodings[datatype];
  if (encoding === undefined) throw new Error(`this page writes no ${datatype}`);
  const [size, put] = encoding;
  const bytes = new Uint8Array(values.length * size);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of values.entries()) put(view, i * size, value);
  return bytes;
}

/** Numbers of an FP32 output; null for other datatypes. */
export function scoresOf(datatype: string, bytes: Uint8Array): number[] | null {
  if (datatype !== "FP32" || bytes.byteLength % 4 !== 0) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.byteLength / 4 }, (_, i) => view.getFloat32(i * 4, true));
}

/** Shares that sum up to 1, larger for larger scores: the softmax of logits; scores that are shares already stay. */
export function sharesOf(scores: readonly number[]): number[] {
  const sum = scores.reduce((total, score) => total + score, 0);
  if (scores.every((score) => score >= 0) && Math.abs(sum - 1) < 1e-3) return [...scores];
  const most = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - most));
  const total = powers.reduce((all, power) => all + power, 0);
  return powers.map((power) => power / total);
}
