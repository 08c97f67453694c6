import { parseObject } from "./json-body";

describe("parseObject", () => {
  it("keeps integers that a double does not hold", () => {
    const text = '{"datatype": "INT64", "data": [9007199254740993, 1.5, "9007199254740993", -12]}';
    expect(parseObject(Buffer.from(text)).data).toEqual(["9007199254740993", 1.5, "9007199254740993", -12]);
  });

  it("reads NaN and infinities as Python writes them, and leaves texts alone", () => {
    const text = '{"id": "is NaN, -Infinity", "data": [NaN, [-Infinity, 1.5], Infinity]}';
    expect(parseObject(Buffer.from(text))).toEqual({
      id: "is NaN, -Infinity",
      data: ["NaN", ["-Infinity", 1.5], "Infinity"],
    });
  });

  it.each(['{"a": nan}', '{"a": +Infinity}', '{"a": NaNs}', '{"a": -NaN1}', "{NaN: 1, }"])(
    "refuses %s",
    (text) => {
      expect(() => parseObject(Buffer.from(text))).toThrow("request body is not JSON");
    },
  );

  it("takes what looks like a number within a text as text", () => {
    const text =
      '{"datatype": "UINT64", "id": "a\\"12345678901234567890", "data": [-1234567890123456, 0.1234567890123456]}';
    expect(parseObject(Buffer.from(text))).toEqual({
      datatype: "UINT64",
      id: 'a"12345678901234567890',
      data: ["-1234567890123456", 0.1234567890123456],
    });
  });

  const list = (count: number, item: (i: number) => string) =>
    Array.from({ length: count }, (_, i) => item(i)).join();
  it.each([
    [
      "names of members",
      `{${list(8_193, (i) => `"${i.toString(36)}":0`)}}`,
      "8193 names of members came, at most 8192",
    ],
    ["objects of one member each", `{"a":[${list(8_193, (i) => `{"k${i}":0}`)}]}`, "names of members came"],
    [
      "arrays within arrays",
      `{"a":${"[".repeat(32_768)}${"]".repeat(32_768)}}`,
      "32769 arrays and objects came, at most 32768",
    ],
    ["empty objects", `{"a":[${list(32_768, () => "{}")}]}`, "arrays and objects came"],
    [
      "strings",
      `{"a":[${list(32_768, (i) => `"${i.toString(36)}"`)}]}`,
      "32769 texts and bare words came, at most 32768",
    ],
    [
      "bare words, of which it looks at no more",
      `{"a":[${list(1_000_000, () => "NaN")}]}`,
      "32770 texts and bare words came",
    ],
  ])("refuses too many %s before they are made", (_, text, sentence) => {
    expect(() => parseObject(Buffer.from(text))).toThrow(sentence);
  });

  it("reads many numbers, and as many rows as may be", () => {
    expect(parseObject(Buffer.from(`{"a":[${list(500_000, () => "1.5")}]}`)).a).toHaveLength(500_000);
    expect(parseObject(Buffer.from(`{"a":[${list(32_766, () => "[1]")}]}`)).a).toHaveLength(32_766);
  });

  it("refuses a text without end in time that grows with its length, not with its square", () => {
    const endless = `{"datatype": "INT64", "id": "${'\\"'.repeat(400_000)}`;
    const startedMs = performance.now();
    expect(() => parseObject(Buffer.from(endless))).toThrow("request body is not JSON");
    expect(performance.now() - startedMs).toBeLessThan(2_000);
  });
});
