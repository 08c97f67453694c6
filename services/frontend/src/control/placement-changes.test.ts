import { create } from "@bufbuild/protobuf";
import { ExecutorPlacementSchema } from "@infaas/api";
import { PlacedInstances } from "../view/placed-instances";
import { type PlacementChange, planOf } from "./placement-changes";

function holding(placements: Readonly<Record<string, Readonly<Record<string, number>>>>) {
  const placed = new PlacedInstances(
    Object.entries(placements).map(([executor, variants]) =>
      create(ExecutorPlacementSchema, {
        executor,
        variants: Object.entries(variants).map(([variant, priority]) => {
          return { variant, reason: "registration", plan: "registered", priority, generation: 1n };
        }),
      }),
    ),
  );
  return { placementOf: (executor: string) => placed.on(executor) };
}

function place(
  executor: string,
  variant: string,
  more: { priority?: number; anew?: boolean } = {},
): PlacementChange {
  return {
    kind: "place",
    executor,
    entry: { variant, reason: "query", plan: "asked", priority: 10, ...more },
  };
}

const briefly = (plan: ReturnType<typeof planOf>) =>
  plan.map((p) => [
    p.executor,
    ...p.entries.map((e) => `${e.variant} ${e.reason} ${e.priority}${e.anew ? " anew" : ""}`),
  ]);

describe("planOf", () => {
  it("adds to what executors hold, and leaves out those that nothing changes", () => {
    const plan = planOf(holding({ a: { v: 0 }, b: { v: 0 } }), [place("a", "w"), place("c", "v")]);
    expect(briefly(plan)).toEqual([
      ["a", "v registration 0", "w query 10"],
      ["c", "v query 10"],
    ]);
  });

  it("leaves alone what is held with as much priority, unless it is wanted anew", () => {
    const view = holding({ a: { v: 20 } });
    expect(planOf(view, [place("a", "v")])).toEqual([]);
    expect(briefly(planOf(view, [place("a", "v", { anew: true })]))).toEqual([["a", "v query 20 anew"]]);
    expect(briefly(planOf(view, [place("a", "v", { priority: 30 })]))).toEqual([["a", "v query 30"]]);
  });

  it("ranks what is held, and nothing else", () => {
    const rank = (variant: string, priority: number) =>
      ({ kind: "rank", executor: "a", variant, priority }) as const;
    const view = holding({ a: { v: 20, w: 0 } });
    expect(briefly(planOf(view, [rank("v", 0), rank("w", 0), rank("x", 20)]))).toEqual([
      ["a", "v registration 0", "w registration 0"],
    ]);
    expect(planOf(view, [rank("w", 0)])).toEqual([]);
  });

  it("drops what was wanted up to the revision that was read, not what was wanted anew after it", () => {
    const view = holding({ a: { v: 20, w: 0 } });
    const drop = (variant: string, readRevision: bigint) =>
      ({ kind: "drop", executor: "a", variant, readRevision }) as const;
    expect(briefly(planOf(view, [drop("w", 1n)]))).toEqual([["a", "v registration 20"]]);
    expect(planOf(view, [drop("w", 0n), drop("x", 9n)])).toEqual([]);
  });
});
