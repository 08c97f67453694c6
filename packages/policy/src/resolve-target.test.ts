import { buildCatalog, levelFor } from "./catalog";
import { resolveTarget } from "./resolve-target";
import { selectVariant } from "./selection";
import { buildSnapshot } from "./snapshot";
import { executor, instance, slo, variant } from "./testing/snapshots";

const catalog = buildCatalog({
  tasks: ["digits/uci", "digits/mnist", "names/origin"],
  variants: [
    variant({ name: "cnn-t1@1", architecture: "cnn", version: 1 }),
    variant({ name: "cnn-t1@2", architecture: "cnn", version: 2, accuracy: 0.95 }),
    variant({ name: "lstm-t1", architecture: "lstm", task: "names/origin", accuracy: null }),
  ],
  aliases: new Map([
    ["best", "cnn"],
    ["lost", "gone"],
  ]),
});

describe("resolveTarget", () => {
  it.each([
    ["cnn-t1@1", "", { kind: "variant", name: "cnn-t1@1" }],
    ["cnn-t1@1", "1", { kind: "variant", name: "cnn-t1@1" }],
    ["cnn", "", { kind: "architecture", name: "cnn" }],
    ["cnn", "1", { kind: "architecture", name: "cnn", version: 1 }],
    ["digits/uci", "", { kind: "task", name: "digits/uci" }],
    ["names", "1", { kind: "task", name: "names/origin" }],
    ["best", "2", { kind: "architecture", name: "cnn", version: 2 }],
  ])("finds %s at version '%s'", (name, version, target) => {
    expect(resolveTarget(catalog, name, version)).toEqual({ kind: "resolved", target });
  });

  it("lists the data sets of a task that has several", () => {
    expect(resolveTarget(catalog, "digits")).toEqual({
      kind: "ambiguous",
      name: "digits",
      candidates: ["digits/mnist", "digits/uci"],
    });
  });

  it("says which versions there are", () => {
    expect(resolveTarget(catalog, "cnn", "3")).toEqual({
      kind: "no-version",
      name: "cnn",
      available: [1, 2],
    });
    expect(resolveTarget(catalog, "names", "2")).toEqual({
      kind: "no-version",
      name: "names/origin",
      available: [1],
    });
  });

  it.each(["0", "-1", "1.5", "two"])("refuses %s as a version", (version) => {
    expect(resolveTarget(catalog, "cnn", version)).toEqual({ kind: "bad-version", version });
  });

  it.each(["nobody", "lost"])("does not know %s", (name) => {
    expect(resolveTarget(catalog, name)).toEqual({ kind: "unknown", name });
  });
});

describe("buildCatalog", () => {
  it("puts only the newest version of an architecture behind its name and its task", () => {
    const instances = ["cnn-t1@1", "cnn-t1@2"].map((name) => instance({ variant: name }));
    const snapshot = buildSnapshot({ revision: 1, atMs: 0, catalog, instances, executors: [executor()] });
    const ask = (target: Parameters<typeof selectVariant>[1]["target"]) =>
      selectVariant(snapshot, { target, rows: 1, slo: slo() }, 0);
    expect(ask({ kind: "architecture", name: "cnn" })).toMatchObject({ variant: { version: 2 } });
    expect(ask({ kind: "task", name: "digits/uci" })).toMatchObject({ variant: { version: 2 } });
    expect(ask({ kind: "architecture", name: "cnn", version: 1 })).toMatchObject({ variant: { version: 1 } });
  });

  it("knows a task that has no variant yet", () => {
    const snapshot = buildSnapshot({ revision: 1, atMs: 0, catalog, instances: [], executors: [executor()] });
    const target = { kind: "task", name: "digits/mnist" } as const;
    expect(selectVariant(snapshot, { target, rows: 1, slo: slo() }, 0)).toMatchObject({
      kind: "infeasible",
      offers: [],
    });
  });
});

describe("levelFor", () => {
  const index = catalog.architectures.get("cnn");
  it.each([
    [null, 0],
    [0.95, 0],
    [0.951, -1],
  ])("meets a floor of %s with level %i", (floor, level) => {
    expect(index && levelFor(index, floor)).toBe(level);
  });
});
