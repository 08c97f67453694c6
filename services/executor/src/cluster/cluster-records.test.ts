import { create } from "@bufbuild/protobuf";
import { type WatchResponse, WatchResponseSchema } from "@infaas/api";
import { ClusterRecords } from "./cluster-records";

function message(init: Omit<Partial<WatchResponse>, "puts"> & { puts?: string[] }): WatchResponse {
  const { puts = [], ...rest } = init;
  const records = puts.map((variant) => ({
    key: `placement/${variant}`,
    value: { case: "placement" as const, value: { executor: "exec-1", variant, reason: "query" } },
  }));
  return create(WatchResponseSchema, { ...rest, puts: records } as never);
}

function wanted(records: ClusterRecords): [string, number][] {
  return records.placementsOn("exec-1").map(({ placement, putAtMs }) => [placement.variant, putAtMs]);
}

describe("ClusterRecords", () => {
  it("knows nothing of a snapshot before it is complete", () => {
    const records = new ClusterRecords();
    expect(records.apply(message({ revision: 4n, snapshotBegin: true, puts: ["a"] }), 1)).toBe(false);
    expect(wanted(records)).toEqual([]);
    expect(records.revision).toBe(0n);
    expect(records.apply(message({ revision: 4n, snapshotComplete: true, puts: ["b"] }), 2)).toBe(true);
    expect(wanted(records)).toEqual([
      ["a", 1],
      ["b", 2],
    ]);
    expect(records.revision).toBe(4n);
  });

  it("follows changes", () => {
    const records = new ClusterRecords();
    records.apply(
      message({ revision: 1n, snapshotBegin: true, snapshotComplete: true, puts: ["a", "b"] }),
      1,
    );
    records.apply(message({ revision: 2n, puts: ["c"], deletedKeys: ["placement/a"] }), 5);
    expect(wanted(records)).toEqual([
      ["b", 1],
      ["c", 5],
    ]);
  });

  it("renews the time of a placement that is put again", () => {
    const records = new ClusterRecords();
    records.apply(message({ revision: 1n, snapshotBegin: true, snapshotComplete: true, puts: ["a"] }), 1);
    records.apply(message({ revision: 2n, puts: ["a"] }), 9);
    expect(wanted(records)).toEqual([["a", 9]]);
  });

  it("drops what a new snapshot no longer has, and keeps the times of what it has", () => {
    const records = new ClusterRecords();
    records.apply(
      message({ revision: 1n, snapshotBegin: true, snapshotComplete: true, puts: ["a", "b"] }),
      1,
    );
    records.apply(message({ revision: 7n, snapshotBegin: true, snapshotComplete: true, puts: ["b"] }), 9);
    expect(wanted(records)).toEqual([["b", 1]]);
  });

  it("forgets half a snapshot when the watch breaks", () => {
    const records = new ClusterRecords();
    records.apply(message({ revision: 1n, snapshotBegin: true, snapshotComplete: true, puts: ["a"] }), 1);
    records.apply(message({ revision: 5n, snapshotBegin: true, puts: ["x"] }), 2);
    records.interrupted();
    records.apply(message({ revision: 2n, puts: ["b"] }), 3);
    expect(wanted(records).map(([variant]) => variant)).toEqual(["a", "b"]);
  });

  it("shows the placements of one executor only", () => {
    const records = new ClusterRecords();
    records.apply(message({ revision: 1n, snapshotBegin: true, snapshotComplete: true, puts: ["a"] }), 1);
    expect(records.placementsOn("exec-2")).toEqual([]);
  });
});
