import { judgeEnd } from "./process-end";

const engines = [
  { variant: "a", firstSlot: 0, slots: 2 },
  { variant: "b", firstSlot: 2, slots: 1 },
  { variant: "c", firstSlot: 3, slots: 1 },
] as const;
const run = (slot: number, fatal = false) => ({ slot, queryIds: [10 * slot + 1, 10 * slot + 2], fatal });
const reason = "ended with SIGFPE";

describe("judgeEnd", () => {
  it.each([
    ["the run that raised a fatal signal", [run(0), run(1, true), run(2)], null, ["a"], [11, 12]],
    ["each of several that did", [run(0), run(2, true), run(3, true)], null, ["b", "c"], [21, 22, 31, 32]],
    [
      "all that were under way where nothing else is known",
      [run(0), run(3)],
      null,
      ["a", "c"],
      [1, 2, 31, 32],
    ],
    [
      "the engine that the process was ended for",
      [run(0), run(1), run(2)],
      engines[0],
      ["a"],
      [1, 2, 11, 12],
    ],
    ["that engine also when nothing of it ran", [run(0)], engines[1], ["b"], []],
    [
      "a fatal signal rather than an engine that it was ended for",
      [run(0), run(3, true)],
      engines[0],
      ["c"],
      [31, 32],
    ],
    ["nobody where nothing was under way", [], null, [], []],
  ])("blames %s", (_, runs, accused, suspects, ids) => {
    const end = judgeEnd({ reason, runs, engines, opening: [], accused });
    expect({ ...end, queryIds: [...end.queryIds] }).toEqual({ reason, suspects, queryIds: ids });
  });

  it("blames what was being opened only where nobody is named", () => {
    const suspectsOf = (runs: readonly ReturnType<typeof run>[]) =>
      judgeEnd({ reason, runs, engines, opening: ["d"], accused: null }).suspects;
    expect(suspectsOf([run(0)])).toEqual(["d", "a"]);
    expect(suspectsOf([run(0, true)])).toEqual(["a"]);
  });
});
