import { explainDecision } from "./explanation";
import type { Query } from "./query";
import { selectVariant } from "./selection";
import { instance, pointsOf, slo, snapshotOf, variant } from "./testing/snapshots";
import type { Instance, Slo } from "./types";

const cheap = variant({ name: "cheap", accuracy: 0.9, points: pointsOf(2), saturationPerSecond: 1000 });
const equal = variant({ name: "equal", accuracy: 0.9, points: pointsOf(2), saturationPerSecond: 1000 });
const quick = variant({ name: "quick", accuracy: 0.95, points: pointsOf(1), saturationPerSecond: 400 });
const fine = variant({ name: "fine", accuracy: 0.98, points: pointsOf(20), saturationPerSecond: 50 });
const variants = [equal, fine, quick, cheap];
const everywhere = variants.map(({ name }) => instance({ variant: name }));

const asking = (over: Partial<Slo> = {}): Query => ({
  target: { kind: "task", name: "digits/uci" },
  rows: 1,
  slo: slo({ deterministic: true, ...over }),
});
const decide = (query: Query, instances: readonly Instance[] = everywhere) =>
  selectVariant(snapshotOf({ variants, instances }), query, 0);

describe("candidatesOf: a deterministic query", () => {
  it.each([
    ["the one that answers most rows a second, of equals the first by name", {}, "cheap"],
    ["among those that meet the floor", { minAccuracy: 0.93 }, "quick"],
    ["the most accurate", { objective: "max-accuracy" }, "fine"],
    ["the quickest for one row", { objective: "min-latency" }, "quick"],
  ] as const)("is answered by %s", (_, over, name) => {
    expect(decide(asking(over))).toMatchObject({ kind: "selected", variant: { name } });
  });

  it.each([
    ["it is busy", [instance({ variant: "cheap", drainMs: 50 }), instance({ variant: "quick" })], "selected"],
    [
      "it is overloaded",
      [instance({ variant: "cheap", state: "overloaded" }), instance({ variant: "quick" })],
      "selected",
    ],
    ["it is not loaded", [instance({ variant: "quick" })], "cold"],
  ] as const)("is answered by the same one when %s", (_, instances, kind) => {
    expect(decide(asking(), instances)).toMatchObject({ kind, variant: { name: "cheap" } });
  });

  it("is refused where that one cannot be in time, though another could", () => {
    expect(decide(asking({ latencyMs: 2 }))).toMatchObject({
      kind: "infeasible",
      reason: "latency-above-slo",
    });
    expect(decide(asking({ latencyMs: 2, deterministic: false }))).toMatchObject({
      variant: { name: "quick" },
    });
  });

  it("is refused where none meets the floor", () => {
    expect(decide(asking({ minAccuracy: 0.99 }))).toMatchObject({ kind: "infeasible" });
  });

  it("is explained by the one candidate it has", () => {
    const { candidates } = explainDecision(snapshotOf({ variants, instances: everywhere }), asking(), 0);
    expect(candidates.map((candidate) => candidate.variant)).toEqual(["cheap"]);
  });
});
