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

  it("refuses a text without end in time that grows with its length, not with its square", () => {
    const endless = `{"datatype": "INT64", "id": "${'\\"'.repeat(400_000)}`;
    const startedMs = performance.now();
    expect(() => parseObject(Buffer.from(endless))).toThrow("request body is not JSON");
    expect(performance.now() - startedMs).toBeLessThan(2_000);
  });
});
