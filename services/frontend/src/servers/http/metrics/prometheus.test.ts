import { prometheusText } from "./prometheus";

describe("prometheusText", () => {
  it("writes a family's meaning, kind and values", () => {
    const family = { name: "nv_x", help: "What x is", type: "gauge" as const };
    const samples = [
      { labels: {}, value: 0.5 },
      { labels: { model: "m", version: "1" }, value: 3 },
    ];
    expect(prometheusText([{ ...family, samples }])).toBe(
      '# HELP nv_x What x is\n# TYPE nv_x gauge\nnv_x 0.5\nnv_x{model="m",version="1"} 3\n',
    );
  });

  it("escapes what would end a label", () => {
    const samples = [{ labels: { model: 'a"b\\c\nd' }, value: 0 }];
    const text = prometheusText([{ name: "x", help: "", type: "counter", samples }]);
    expect(text).toContain('{model="a\\"b\\\\c\\nd"} 0');
  });
});
