import { paint, screenOf } from "./screen";

const terminal = {
  isTTY: true,
  columns: 132,
  hasColors: (env: NodeJS.ProcessEnv) => env.NO_COLOR === undefined,
};

describe("screenOf", () => {
  it.each([
    ["a terminal", terminal, {}, { width: 132, colour: true }],
    ["a terminal, told NO_COLOR", terminal, { NO_COLOR: "1" }, { width: 132, colour: false }],
    ["a terminal, told COLUMNS", terminal, { COLUMNS: "60" }, { width: 60, colour: true }],
    ["a terminal, told nonsense", terminal, { COLUMNS: "wide" }, { width: 132, colour: true }],
    ["a terminal that does not tell", { ...terminal, columns: 0 }, {}, { width: 80, colour: true }],
    ["a pipe", {}, {}, { width: Number.POSITIVE_INFINITY, colour: false }],
    ["a pipe, told COLUMNS", {}, { COLUMNS: "100" }, { width: 100, colour: false }],
  ])("of %s", (_, stream, env, screen) => {
    expect(screenOf(stream, env)).toEqual(screen);
  });
});

describe("paint", () => {
  it("leaves a text alone where there are no colours", () => {
    expect(paint({ colour: false }, "bad", "lost")).toBe("lost");
    expect(paint({ colour: true }, "bad", "lost")).toBe("\u001b[31mlost\u001b[39m");
  });
});
