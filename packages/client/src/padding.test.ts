import { Code } from "@infaas/runtime";
import { paddingFromJson } from "./padding";

describe("paddingFromJson", () => {
  it("reads what the documentation shows", () => {
    const text = '{"sizes":[16,32],"inputs":[{"name":"ids","axis":1}],"outputs":[{"name":"y","axis":1}]}';
    expect(paddingFromJson(text)).toMatchObject({ sizes: [16, 32], inputs: [{ name: "ids", value: 0 }] });
  });

  it.each(["", "[]", '{"size":[16]}', '{"sizes":["x"]}'])("refuses %j", (text) => {
    expect(() => paddingFromJson(text)).toThrow(
      expect.objectContaining({
        code: Code.INVALID_ARGUMENT,
        message: expect.stringContaining("this is no padding"),
      }),
    );
  });
});
