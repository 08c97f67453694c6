import { seededRandom } from "@infaas/runtime";
import { type NumbersOptions, type NumbersRead, readNumbers, STEP_BYTES } from "./json-numbers";

const plain = { wide: false, wideMax: 4, longMax: 10_000 };

/** Reads to the end, however often others might have had their turn. */
function readAll(bytes: Buffer, from: number, o: NumbersOptions): NumbersRead | number {
  const reading = readNumbers(bytes, from, o);
  for (;;) {
    const step = reading.next();
    if (step.done === true) return step.value;
  }
}

function values(text: string, o = plain): readonly number[] {
  const read = readAll(Buffer.from(text), 0, o);
  if (typeof read === "number") throw new Error(`stopped at ${read} of ${text}`);
  expect(read.end).toBe(text.length);
  return [...read.list.values];
}

describe("readNumbers", () => {
  it.each([
    "[]",
    "[ ]",
    "[0]",
    "[-0, 0.0, -0.0e5, 0e0]",
    "[1,-1, 1.5 ,\t2.25\n]",
    "[1e9, 1E9, 1e+9, 1e-9, 1.5e22, 1e23, 1e-22, 1e-23]",
    "[123456789012345, 1234567890123456, 0.123456789012345, 0.1234567890123456]",
    "[9007199254740991, 9007199254740993, 1e308, 5e-324, 2.2250738585072014e-308, 1e-400]",
    "[0.1, 0.2, 0.3, 179.76931348623157, 0.000001, 0.00000000000000000000001]",
    "[[1, 2], [3, 4], [], [[5]]]",
    `[${"[".repeat(31)}1${"]".repeat(31)}]`,
  ])("reads %s as JSON.parse does", (text) => {
    expect(values(text)).toEqual((JSON.parse(text) as unknown[]).flat(Number.POSITIVE_INFINITY));
  });

  it("reads random numbers of every length as JSON.parse does", () => {
    const random = seededRandom(11);
    const digits = (most: number) =>
      Array.from({ length: 1 + Math.floor(random.next() * most) }, () => Math.floor(random.next() * 10)).join(
        "",
      );
    for (let turn = 0; turn < 300; turn++) {
      const numbers = Array.from({ length: 50 }, () => {
        const whole = digits(20).replace(/^0+(?=\d)/, "");
        const fraction = random.next() < 0.5 ? `.${digits(20)}` : "";
        const power = random.next() < 0.3 ? `e${random.next() < 0.5 ? "-" : ""}${digits(2)}` : "";
        return `${random.next() < 0.5 ? "-" : ""}${whole}${fraction}${power}`;
      });
      const text = `[${numbers.join(",")}]`;
      expect(values(text)).toEqual(JSON.parse(text));
    }
  });

  it("reads NaN and infinities", () => {
    expect(values("[NaN, Infinity, -Infinity]")).toEqual([Number.NaN, Infinity, -Infinity]);
  });

  it.each([
    ["[1, 2", 5],
    ["[1,]", 3],
    ["[,1]", 1],
    ["[1 2]", 3],
    ["[[1][2]]", 4],
    ["[01]", 1],
    ["[.5]", 1],
    ["[1.]", 1],
    ["[-]", 1],
    ["[+1]", 1],
    ["[1e]", 1],
    ["[1e+]", 1],
    ["[1e999]", 1],
    ["[1.5, -Infinite]", 6],
    ["[Na]", 1],
    ['["1"]', 1],
    ["[true]", 1],
    ["[null]", 1],
    ["[0x1]", 2],
    ["[1, {}]", 4],
    [`${"[".repeat(33)}1${"]".repeat(33)}`, 32],
  ])("says where %s is something else", (text, at) => {
    expect(readAll(Buffer.from(text), 0, plain)).toBe(at);
  });

  it("keeps integers that a double does not hold as text, up to a bound", () => {
    const text = "[1, 9007199254740993, 1.5, -1234567890123456789]";
    const read = readAll(Buffer.from(text), 0, { ...plain, wide: true });
    expect(typeof read === "number" ? read : read.list.wide).toEqual(
      new Map([
        [1, "9007199254740993"],
        [3, "-1234567890123456789"],
      ]),
    );
    expect(readAll(Buffer.from(text), 0, { ...plain, wide: true, wideMax: 1 })).toBe(27);
  });

  it("reads no further than to the first long number beyond its bound", () => {
    const read = readAll(Buffer.from("[1e99, 1e-99, 1e98, 1e97]"), 0, { ...plain, longMax: 2 });
    expect(read).toMatchObject({ long: 3, end: 18 });
  });

  it("lets others have their turn", () => {
    const parts = 5;
    const reading = readNumbers(Buffer.from(`[${"7,".repeat((parts * STEP_BYTES) / 2)}7]`), 0, plain);
    let turns = 0;
    while (reading.next().done !== true) turns++;
    expect(turns).toBe(parts);
  });
});
