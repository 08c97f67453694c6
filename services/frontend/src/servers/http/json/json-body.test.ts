import { parseObject, readJson } from "./json-body";

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
      "numbers beside other values",
      `{"data":[${list(262_144, () => "1")},true,1]}`,
      "262145 numbers beside other values came, at most 262144",
    ],
    [
      "numbers, of which it looks at no more",
      `{"a":[${list(1_000_000, () => "1")}]}`,
      "262145 numbers beside other values came, at most 262144",
    ],
    [
      "bare words, of which it looks at no more",
      `{"a":[${list(1_000_000, () => "NaN")}]}`,
      "32769 texts and bare words came",
    ],
  ])("refuses too many %s before they are made", (_, text, sentence) => {
    expect(() => parseObject(Buffer.from(text))).toThrow(sentence);
  });

  it("reads many numbers, and as many rows as may be", () => {
    expect(parseObject(Buffer.from(`{"a":[${list(262_144, () => "1.5")}]}`)).a).toHaveLength(262_144);
    expect(parseObject(Buffer.from(`{"a":[${list(32_766, () => "[1]")}]}`)).a).toHaveLength(32_766);
  });

  it("refuses a text without end in time that grows with its length, not with its square", () => {
    const endless = `{"datatype": "INT64", "id": "${'\\"'.repeat(400_000)}`;
    const startedMs = performance.now();
    expect(() => parseObject(Buffer.from(endless))).toThrow("request body is not JSON");
    expect(performance.now() - startedMs).toBeLessThan(2_000);
  });
});

describe("readJson", () => {
  const numbers = async (text: string) => {
    const { fields, numbersOf } = await readJson(Buffer.from(text));
    return (fields.inputs as readonly { data: unknown }[]).map(({ data }) => numbersOf(data)?.values ?? data);
  };

  it("reads arrays of numbers that are data at once, whatever stands around them", async () => {
    const text =
      '{"inputs": [{"data" : [1, 2.5, NaN]}, {"data":[[1],[2]],"shape":[2, 1]}, {"x": 0, "data":["a", 1]}]}';
    expect(await numbers(text)).toEqual([
      Float64Array.of(1, 2.5, Number.NaN),
      Float64Array.of(1, 2),
      ["a", 1],
    ]);
  });

  it("keeps integers that a double does not hold", async () => {
    const text =
      '{"inputs": [{"data": [9007199254740993, 1], "datatype": "INT64", "max": 9007199254740993}]}';
    const { fields, numbersOf } = await readJson(Buffer.from(text));
    const [input] = fields.inputs as readonly { data: unknown; max: unknown }[];
    expect(numbersOf(input?.data)?.wide).toEqual(new Map([[0, "9007199254740993"]]));
    expect(input?.max).toBe("9007199254740993");
  });

  it("takes nothing that is sent for a list that it read", async () => {
    expect(
      await numbers('{"inputs": [{"data": [1]}, {"data": "0"}, {"data": {"0": 1}}, {"data": true}]}'),
    ).toEqual([Float64Array.of(1), "0", { "0": 1 }, true]);
  });

  it("reads millions of short numbers, and refuses more long ones than people write into as many bytes", async () => {
    const many = (part: string) =>
      Buffer.from(`{"inputs":[{"data":[${part.repeat(4_000_000 / part.length)}1]}]}`);
    const { fields, numbersOf } = await readJson(many("7,"));
    const [input] = fields.inputs as readonly { data: unknown }[];
    expect(numbersOf(input?.data)?.values).toHaveLength(2_000_001);
    await expect(readJson(many("1e99,"))).rejects.toThrow(
      "262145 numbers of more than 15 digits or far from 1 came, at most 262144",
    );
    expect((await readJson(many("0.37454012036323551,"))).fields.inputs).toHaveLength(1);
  });

  it("reads nothing twice that it reads in vain", async () => {
    const text = `{"data":${'[{"data":[1,'.repeat(16_000)}`;
    const startedMs = performance.now();
    await expect(readJson(Buffer.from(text))).rejects.toThrow("names of members");
    const broken = Buffer.from(`{"data":${"[1,".repeat(32_000)}`);
    await expect(readJson(broken)).rejects.toThrow("request body is not JSON");
    expect(performance.now() - startedMs).toBeLessThan(5_000);
  });

  it("reads long texts one after another, and short ones meanwhile", async () => {
    const long = Buffer.from(`{"inputs":[{"data":[${"7,".repeat(500_000)}1]}]}`);
    const ends: string[] = [];
    await Promise.all(
      Object.entries({
        first: long,
        second: long,
        broken: long.subarray(0, -1),
        short: Buffer.from("{}"),
      }).map(async ([name, bytes]) => {
        await readJson(bytes).catch(() => undefined);
        ends.push(name);
      }),
    );
    expect(ends).toEqual(["short", "first", "second", "broken"]);
  });
});
