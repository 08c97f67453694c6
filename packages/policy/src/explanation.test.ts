import { EXPLAINED_MAX } from "./bounds";
import { explainDecision } from "./explanation";
import type { Query } from "./query";
import { executor, instance, pointsOf, slo, snapshotOf, variant } from "./testing/snapshots";
import type { Slo } from "./types";

const asking = (over: Partial<Slo>): Query => ({
  target: { kind: "task", name: "digits/uci" },
  rows: 1,
  slo: slo(over),
});
const variants = [
  variant({ name: "tiny", accuracy: 0.5, saturationPerSecond: 2000 }),
  variant({ name: "cheap", saturationPerSecond: 1000 }),
  variant({ name: "dear", saturationPerSecond: 100 }),
  variant({ name: "slow", points: pointsOf(500) }),
  variant({ name: "asleep" }),
  variant({ name: "huge", peakMemoryBytes: 31e9 }),
  variant({ name: "gpu", deviceKind: "cuda" }),
];
const instances = [
  ...["tiny", "cheap", "dear", "slow"].map((name) => instance({ variant: name })),
  instance({ variant: "cheap", executor: "other", state: "overloaded" }),
];
const executors = [executor(), executor({ name: "other" })];

describe("explainDecision", () => {
  it("says of every candidate why it lost, with both numbers, and the margin of the winner", () => {
    const snapshot = snapshotOf({ variants, instances, executors });
    const explanation = explainDecision(snapshot, asking({ minAccuracy: 0.8, latencyMs: 100 }), 0);
    const verdicts = explanation.candidates.map((c) => [c.variant, c.executor, c.verdict]);
    expect(verdicts[0]).toEqual(["cheap", "host", "selected"]);
    expect(new Map(verdicts.slice(1).map(([v, e, verdict]) => [`${v}@${e}`, verdict]))).toEqual(
      new Map([
        ["cheap@other", "overloaded"],
        ["dear@host", "dearer"],
        ["slow@host", "latency-above-slo"],
        ["asleep@", "not-loaded"],
        ["gpu@", "no-executor"],
        ["huge@", "no-room"],
        ["tiny@host", "accuracy-below-floor"],
      ]),
    );
    expect(explanation.candidates.find((c) => c.variant === "slow")).toMatchObject({
      value: 500.5,
      limit: 100,
    });
    expect(explanation).toMatchObject({ marginMs: 98.5, omitted: 0 });
    expect(explanation.summary).toBe(
      "cheap on host is the cheapest adequate of 8 candidates, predicted 1.5 ms",
    );
  });

  it("names what no one can meet and the nearest there is", () => {
    const { summary, marginMs } = explainDecision(
      snapshotOf({ variants, instances }),
      asking({ latencyMs: 0.5 }),
      0,
    );
    expect(summary).toBe(
      "none of 7 candidates can meet this, even idle: latency above slo (1.5 against 0.5)",
    );
    expect(marginMs).toBeNull();
  });

  it("lists a bounded number and counts the rest", () => {
    const many = Array.from({ length: EXPLAINED_MAX + 5 }, (_, i) => variant({ name: `v${i}` }));
    const { candidates, omitted } = explainDecision(snapshotOf({ variants: many }), asking({}), 0);
    expect([candidates.length, omitted]).toEqual([EXPLAINED_MAX, 5]);
    expect(candidates[0]?.verdict).toBe("selected");
  });
});
