import type { Tensor } from "@infaas/client";
import type { Random } from "@infaas/runtime";
import type { OperatorInput } from "./hostile-operators";

/** Elements that one axis may have in a hostile request. */
const axisSizes = [0, 1, 2, 3, 5, 8];

type Writer = (random: Random, elements: number) => Uint8Array;

const integers = (bits: number, signed: boolean): readonly bigint[] => {
  const [low, high] = signed
    ? [-(2n ** BigInt(bits - 1)), 2n ** BigInt(bits - 1) - 1n]
    : [0n, 2n ** BigInt(bits) - 1n];
  const all = [low, high, 0n, -1n, 1n, 2n, 3n, low + 1n, high - 1n, 2n ** 31n, -(2n ** 31n), 2n ** 40n, 7n];
  return all.filter((value) => value >= low && value <= high);
};
const reals = [0, -0, 1, -1, 2, 0.5, Number.NaN, Infinity, -Infinity, 3.4e38, -3.4e38, 1e-42, 1e18];

const writers: Readonly<Record<string, Writer>> = {
  FP32: (random, n) => bytesOf(Float32Array.from({ length: n }, () => oneOf(random, reals))),
  FP64: (random, n) => bytesOf(Float64Array.from({ length: n }, () => oneOf(random, reals))),
  INT64: (random, n) => bytesOf(BigInt64Array.from({ length: n }, () => oneOf(random, integers(64, true)))),
  INT32: (random, n) =>
    bytesOf(Int32Array.from({ length: n }, () => Number(oneOf(random, integers(32, true))))),
  UINT32: (random, n) =>
    bytesOf(Uint32Array.from({ length: n }, () => Number(oneOf(random, integers(32, false))))),
  INT8: (random, n) => bytesOf(Int8Array.from({ length: n }, () => Number(oneOf(random, integers(8, true))))),
  UINT8: (random, n) =>
    bytesOf(Uint8Array.from({ length: n }, () => Number(oneOf(random, integers(8, false))))),
  BOOL: (random, n) => bytesOf(Uint8Array.from({ length: n }, () => oneOf(random, [0, 1]))),
  BYTES: (random, n) => Buffer.concat(Array.from({ length: n }, () => element(oneOf(random, texts)))),
};
const texts = ["", "0", "-1", "nan", "inf", "1e999", "9223372036854775808", "x".repeat(300), "\u0000", "½"];

/**
 * A request for one operator: shapes from none to a few elements an axis, half the time equal, and values at
 * the ends of each datatype.
 */
export function hostileRequest(inputs: readonly OperatorInput[], random: Random): readonly Tensor[] {
  const common = random.next() < 0.5 ? oneOf(random, axisSizes) : null;
  return inputs.map(({ name, datatype, axes }) => {
    const shape = axes.map((size) => size ?? common ?? oneOf(random, axisSizes));
    const elements = shape.reduce((product, size) => product * size, 1);
    const write = writers[datatype];
    if (write === undefined) throw new Error(`no hostile values are known for ${datatype}`);
    return { name, datatype, shape, bytes: write(random, elements) };
  });
}

function oneOf<T>(random: Random, all: readonly T[]): T {
  const chosen = all[Math.floor(random.next() * all.length)];
  if (chosen === undefined) throw new Error("there is nothing to choose from");
  return chosen;
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
}

function element(text: string): Buffer {
  const bytes = Buffer.from(text);
  const head = Buffer.alloc(4);
  head.writeUInt32LE(bytes.length);
  return Buffer.concat([head, bytes]);
}
