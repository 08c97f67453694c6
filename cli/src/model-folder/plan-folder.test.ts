import { type KnownModel, planFolder, REST_MS } from "./plan-folder";

const model = (signature: string) => ({ name: "one", path: "/models/one.onnx", signature });
const known = (given: Partial<KnownModel>) =>
  new Map([
    ["one", { signature: "a", sinceMs: 0, registered: null, refused: null, notBeforeMs: 0, ...given }],
  ]);

describe("planFolder", () => {
  it("registers a file once it has rested", () => {
    const first = planFolder(new Map(), [model("a")], 0);
    expect(first).toMatchObject({ register: [], remove: [] });
    expect(planFolder(first.known, [model("a")], REST_MS - 1).register).toEqual([]);
    expect(planFolder(first.known, [model("a")], REST_MS).register).toEqual([model("a")]);
  });

  it("waits anew for a file that is written on", () => {
    const changed = planFolder(known({}), [model("b")], REST_MS);
    expect(changed.register).toEqual([]);
    expect(planFolder(changed.known, [model("b")], 2 * REST_MS).register).toEqual([model("b")]);
  });

  it("leaves alone what is registered, and what was refused until it changes", () => {
    expect(planFolder(known({ registered: "a" }), [model("a")], REST_MS).register).toEqual([]);
    expect(planFolder(known({ refused: "a" }), [model("a")], REST_MS).register).toEqual([]);
    expect(planFolder(known({ signature: "b", refused: "a" }), [model("b")], REST_MS).register).toEqual([
      model("b"),
    ]);
  });

  it("does not try again before its time", () => {
    expect(planFolder(known({ notBeforeMs: 9_000 }), [model("a")], 8_999).register).toEqual([]);
    expect(planFolder(known({ notBeforeMs: 9_000 }), [model("a")], 9_000).register).toEqual([model("a")]);
  });

  it("deletes what is registered once it has been away for as long, and not what is replaced", () => {
    const away = planFolder(known({ registered: "a" }), [], REST_MS);
    expect(away.remove).toEqual([]);
    expect(planFolder(away.known, [], 2 * REST_MS).remove).toEqual(["one"]);
    const back = planFolder(away.known, [model("b")], 2 * REST_MS);
    expect(back).toMatchObject({ register: [], remove: [] });
  });

  it("forgets what is away and was never registered", () => {
    expect(planFolder(known({ refused: "a" }), [], 5).known.size).toBe(0);
  });
});
