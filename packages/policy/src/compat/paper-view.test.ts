import type { Query } from "../query";
import { selectVariant } from "../selection";
import { executor, instance, pointsOf, slo, snapshotOf, variant } from "../testing/snapshots";
import type { Instance } from "../types";
import { paperView } from "./paper-view";

const variants = [
  variant({ name: "cheap", points: pointsOf(2), saturationPerSecond: 1000 }),
  variant({ name: "dear", points: pointsOf(3), saturationPerSecond: 100 }),
];
const query: Query = {
  target: { kind: "task", name: "digits/uci" },
  rows: 1,
  slo: slo({ latencyMs: 10 }),
};

describe("paperView", () => {
  it("does not see a queue that the drain prediction avoids", () => {
    const instances = [instance({ variant: "cheap", drainMs: 50 }), instance({ variant: "dear" })];
    const snapshot = snapshotOf({ variants, instances });
    expect(selectVariant(snapshot, query, 0)).toMatchObject({ variant: { name: "dear" } });
    expect(selectVariant(paperView(snapshot), query, 0)).toMatchObject({
      variant: { name: "cheap" },
      predictedMs: 2,
      instance: { measured: instances[0] },
    });
  });

  it("goes by the state where an overloaded one has the shorter queue", () => {
    const instances = [
      instance({ variant: "cheap", executor: "a", drainMs: 5 }),
      instance({ variant: "cheap", executor: "b", state: "overloaded" }),
    ];
    const executors = [executor({ name: "a" }), executor({ name: "b" })];
    const snapshot = snapshotOf({ variants, instances, executors });
    expect(selectVariant(snapshot, query, 0)).toMatchObject({ executor: { name: "b" } });
    expect(selectVariant(paperView(snapshot), query, 0)).toMatchObject({ executor: { name: "a" } });
  });

  it("follows the state as it changes", () => {
    const live: { -readonly [K in keyof Instance]: Instance[K] } = instance({ variant: "cheap" });
    const view = paperView(snapshotOf({ variants, instances: [live, instance({ variant: "dear" })] }));
    live.state = "overloaded";
    expect(selectVariant(view, query, 0)).toMatchObject({ variant: { name: "dear" } });
  });
});
