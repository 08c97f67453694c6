import { seededRandom } from "@infaas/runtime";
import { encodeNumbers } from "./number-list";
import { encodeJsonData } from "./tensor-json";

const datatypes = [
  ...["BOOL", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"],
  ...["FP16", "BF16", "FP32", "FP64", "BYTES", "FP8"],
];
const edges = [
  ...[0, -0, 1, -1, 1.5, 127, 128, -128, -129, 255, 256, 32_767, 32_768, 65_504, 65_505, 65_519.9, 65_520],
  ...[2 ** 31 - 1, 2 ** 31, -(2 ** 31) - 1, 2 ** 32 - 1, 2 ** 32, -(2 ** 32), 2 ** 53 - 1, 2 ** 53],
  ...[1 - 2 ** 53, -(2 ** 53), 1e22, 3.4e38, 3.5e38, 1e308, 5e-324, 6e-8, 2 ** -24, 2 ** -25, 1e-300],
];

/** Numbers of a list as JSON has them. */
function asJson(values: readonly number[]): (number | string)[] {
  return values.map((value) => (Number.isFinite(value) ? value : String(value)));
}

function both(datatype: string, shape: readonly number[], values: readonly number[]) {
  const list = { values: Float64Array.from(values), wide: new Map<number, string>() };
  return [encodeNumbers(datatype, shape, list), encodeJsonData(datatype, shape, asJson(values))];
}

describe("encodeNumbers", () => {
  it.each(datatypes)("answers of single numbers of %s what encodeJsonData does", (datatype) => {
    // What is no number of JSON is a text there, which BYTES take.
    const odd = datatype === "BYTES" ? [] : [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const value of [...edges, ...odd]) {
      const [numbers, json] = both(datatype, [1], [value]);
      expect({ value, ...numbers }).toEqual({ value, ...json });
    }
  });

  it.each(datatypes)("answers of many numbers of %s what encodeJsonData does", (datatype) => {
    const random = seededRandom(7);
    const whole = !/FP|BF/.test(datatype);
    for (let turn = 0; turn < 200; turn++) {
      const size = 2 ** (random.next() * 40 - 10);
      const values = Array.from({ length: 40 }, () => (random.next() * 2 - 1) * size);
      const [numbers, json] = both(datatype, [5, 8], whole ? values.map(Math.round) : values);
      expect(numbers).toEqual(json);
    }
  });

  it("counts elements", () => {
    const [numbers, json] = both("FP32", [2, 2], [1, 2, 3]);
    expect(numbers).toEqual({ ok: false, fault: "data has 3 elements, shape [2, 2] takes 4" });
    expect(json).toEqual(numbers);
  });

  it("takes integers that a double does not hold as they were written", () => {
    const texts = ["9007199254740993", "-9223372036854775808", "9223372036854775807"];
    const values = Float64Array.from(texts, Number);
    const list = { values, wide: new Map(texts.map((text, index) => [index, text])) };
    expect(encodeNumbers("INT64", [3], list)).toEqual(encodeJsonData("INT64", [3], texts));
    expect(encodeNumbers("UINT64", [3], list)).toEqual({
      ok: false,
      fault: `element 1 is "-9223372036854775808"; allowed for UINT64: whole numbers from 0 to 18446744073709551615`,
    });
  });
});
