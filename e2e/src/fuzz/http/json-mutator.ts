import type { Random } from "@infaas/runtime";
import { below, pick, randomBytes, spread } from "../wire-mutator";

/** Parts of a JSON text that mean something: texts, numbers, words, brackets, commas and colons. */
const tokens = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\w+|[[\]{},:]/g;
const nestedMax = 200_000;

const oddTokens = [
  ...[
    "null",
    "true",
    "false",
    "{}",
    "[]",
    "[[]]",
    '""',
    "0",
    "-0",
    "-1",
    "1",
    "64",
    "0.5",
    "1e999",
    "-1e-999",
  ],
  ...["9007199254740993", "18446744073709551616", "123456789012345678901234567890", "2147483648", "1e15"],
  ...[
    '"\\u0000"',
    '"\\ud800"',
    '"\\uD83D\\uDE00"',
    '"NaN"',
    '"Infinity"',
    '"-Infinity"',
    '"9007199254740993"',
  ],
  ...[
    '"FP32"',
    '"INT64"',
    '"UINT64"',
    '"BYTES"',
    '"BOOL"',
    '"FP16"',
    '"BF16"',
    '"x"',
    '"__proto__"',
    '"constructor"',
  ],
  // These no JSON text may hold.
  ...[
    "NaN",
    "Infinity",
    "undefined",
    "01",
    "1.",
    ".5",
    "0x10",
    "+1",
    "'x'",
    '"',
    "\\",
    "//",
    "/**/",
    "\u0000",
    "\ufeff",
  ],
];
const keys = [
  ...["inputs", "outputs", "parameters", "id", "name", "shape", "datatype", "data", "binary_data_size"],
  ...["binary_data_output", "binary_data", "classification", "shared_memory_region", "__proto__", "toString"],
];
const brokenUtf8 = ["ff", "c0af", "eda080", "f4908080", "80", "e282"].map((hex) => Buffer.from(hex, "hex"));

/**
 * Returns the text with one to four faults: types swapped, keys repeated, numbers huge, brackets deep, bytes
 * that are no UTF-8.
 */
export function mutateJson(text: string, random: Random): Buffer {
  let parts: readonly string[] = text.match(tokens) ?? [text];
  const count = 1 + below(random, 4);
  for (let i = 0; i < count; i++) parts = pick(changes, random)(parts, random);
  return broken(Buffer.from(parts.join(pick(["", "", " ", "\r\n"], random))), random);
}

type Change = (parts: readonly string[], random: Random) => string[];

const changes: readonly Change[] = [
  (parts, random) => replaced(parts, below(random, parts.length), 1, [pick(oddTokens, random)]),
  (parts, random) => replaced(parts, below(random, parts.length), 1, [pick(oddTokens, random)]),
  (parts, random) => replaced(parts, below(random, parts.length), 1, [pick(parts, random)]),
  (parts, random) => replaced(parts, below(random, parts.length), 1, []),
  (parts, random) => replaced(parts, below(random, parts.length), 0, [pick(oddTokens, random)]),
  (parts, random) => {
    const at = pick(placesOf(parts, "{"), random) ?? 0;
    return replaced(parts, at + 1, 0, [
      JSON.stringify(pick(keys, random)),
      ":",
      pick(oddTokens, random),
      ",",
    ]);
  },
  (parts, random) => {
    const at = below(random, parts.length);
    return replaced(parts, at, 1, [nested(random, parts[at]!)]);
  },
  (parts, random) => {
    const at = below(random, parts.length);
    return replaced(parts, at, 1, [
      Array(spread(random, 10_000))
        .fill(parts[at])
        .join(pick(["", ","], random)),
    ]);
  },
  (parts, random) =>
    replaced(parts, below(random, parts.length), 1, [`"${"a".repeat(spread(random, 200_000))}"`]),
  (parts, random) =>
    replaced(parts, below(random, parts.length), 1, [`"${'\\"'.repeat(spread(random, 100_000))}`]),
  (parts, random) => replaced(parts, below(random, parts.length), 1, ["1".repeat(spread(random, 50_000))]),
  (parts, random) => parts.slice(0, below(random, parts.length + 1)),
];

function replaced(parts: readonly string[], at: number, count: number, by: readonly string[]): string[] {
  return [...parts.slice(0, at), ...by, ...parts.slice(at + count)];
}

function placesOf(parts: readonly string[], wanted: string): number[] {
  return parts.flatMap((part, i) => (part === wanted ? [i] : []));
}

function nested(random: Random, inner: string): string {
  const depth = spread(random, nestedMax);
  const isClosed = random.next() < 0.7;
  const [open, close] = random.next() < 0.5 ? ["[", "]"] : ['{"a":', "}"];
  return open.repeat(depth) + inner + (isClosed ? close.repeat(depth) : "");
}

function broken(bytes: Buffer, random: Random): Buffer {
  const at = below(random, bytes.length + 1);
  switch (below(random, 12)) {
    case 0:
      return Buffer.concat([bytes.subarray(0, at), pick(brokenUtf8, random), bytes.subarray(at)]);
    case 1:
      return bytes.subarray(0, at);
    case 2:
      return Buffer.concat([bytes, randomBytes(random, below(random, 64))]);
    case 3: {
      if (at < bytes.length) bytes[at] = bytes[at]! ^ (1 << below(random, 8));
      return bytes;
    }
    default:
      return bytes;
  }
}
