import { didYouMean } from "./nearest";

describe("didYouMean", () => {
  const verbs = ["up", "down", "register", "query", "explain"];

  it.each([
    ["qurey", "query"],
    ["registr", "register"],
    ["Up", "up"],
    ["exp", "explain"],
  ])("takes '%s' for %s", (word, meant) => {
    expect(didYouMean(word, verbs)).toBe(`; did you mean '${meant}'?`);
  });

  it.each(["", "x", "delete", "toString"])("takes '%s' for nothing", (word) => {
    expect(didYouMean(word, verbs)).toBe("");
  });
});
