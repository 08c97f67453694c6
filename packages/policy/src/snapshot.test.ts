import { buildCatalog } from "./catalog";
import type { Query } from "./query";
import { selectVariant } from "./selection";
import { buildSnapshot, withInstances } from "./snapshot";
import { executor, instance, pointsOf, slo, variant } from "./testing/snapshots";

const catalog = buildCatalog({ variants: [variant({ name: "v", points: pointsOf(2) })] });
const query: Query = { target: { kind: "variant", name: "v" }, rows: 1, slo: slo({ latencyMs: 10 }) };

describe("buildSnapshot", () => {
  it("reads load figures afresh at every decision, so a report costs nothing", () => {
    const live = { ...instance({ variant: "v" }), drainMs: 0 };
    const host = { ...executor(), accepting: true };
    const snapshot = buildSnapshot({ revision: 1, atMs: 0, catalog, instances: [live], executors: [host] });
    expect(selectVariant(snapshot, query, 0)).toMatchObject({
      kind: "selected",
      predictedMs: 2.5,
      instance: live,
    });
    live.drainMs = 5;
    expect(selectVariant(snapshot, query, 0)).toMatchObject({ kind: "selected", predictedMs: 7.5 });
    live.drainMs = 50;
    expect(selectVariant(snapshot, query, 0)).toMatchObject({ kind: "saturated", retryAfterMs: 42.5 });
    host.accepting = false;
    expect(selectVariant(snapshot, query, 0)).toMatchObject({ kind: "saturated", reason: "no-executor" });
  });

  it("keeps the prices of the snapshot before until the kinds of hosts change", () => {
    const first = buildSnapshot({ revision: 1, atMs: 0, catalog, instances: [], executors: [executor()] });
    const next = { revision: 2, atMs: 1, catalog, instances: [], previous: first };
    const twins = [executor(), executor({ name: "twin" })];
    expect(buildSnapshot({ ...next, executors: twins }).pricing).toBe(first.pricing);
    const dearer = [executor({ pricePerHourUsd: 1 })];
    expect(buildSnapshot({ ...next, executors: dearer }).pricing).not.toBe(first.pricing);
  });

  it("leaves out instances of what it does not know", () => {
    const instances = [instance({ variant: "v", executor: "gone" }), instance({ variant: "gone" })];
    const snapshot = buildSnapshot({ revision: 1, atMs: 0, catalog, instances, executors: [executor()] });
    expect(selectVariant(snapshot, query, 0)).toMatchObject({ kind: "saturated", reason: "loading" });
  });
});

describe("withInstances", () => {
  it("sees instances come and go and leaves the old snapshot as it was", () => {
    const empty = buildSnapshot({ revision: 1, atMs: 0, catalog, instances: [], executors: [executor()] });
    expect(selectVariant(empty, query, 0).kind).toBe("saturated");
    const loaded = withInstances(empty, { revision: 2, atMs: 5, instances: [instance({ variant: "v" })] });
    expect(selectVariant(loaded, query, 0).kind).toBe("selected");
    expect(selectVariant(empty, query, 0).kind).toBe("saturated");
    expect(loaded).toMatchObject({ revision: 2, atMs: 5 });
  });
});
