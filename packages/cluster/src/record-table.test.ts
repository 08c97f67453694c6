import { create } from "@bufbuild/protobuf";
import { type WatchResponse, WatchResponseSchema } from "@infaas/api";
import { RecordTable } from "./record-table";

function message(init: Omit<Partial<WatchResponse>, "puts"> & { puts?: string[] }): WatchResponse {
  const { puts = [], ...rest } = init;
  const records = puts.map((variant) => ({
    key: `placement/${variant}`,
    value: { case: "placement" as const, value: { executor: "exec-1", variant, reason: "query" } },
  }));
  return create(WatchResponseSchema, { ...rest, puts: records } as never);
}

function wanted(records: RecordTable): [string, number][] {
  return [...records.allPut("placement")].map(({ value, putAtMs }) => [value.variant, putAtMs]);
}

const none = new Set<string>();
const placements = new Set(["placement"]);

describe("RecordTable", () => {
  it("knows nothing of a snapshot before it is complete", () => {
    const records = new RecordTable();
    expect(records.apply(message({ revision: 4n, snapshotBegin: true, puts: ["a"] }), 1)).toEqual(none);
    expect(wanted(records)).toEqual([]);
    expect([records.revision, records.isComplete]).toEqual([0n, false]);
    expect(records.apply(message({ revision: 4n, snapshotComplete: true, puts: ["b"] }), 2)).toEqual(
      placements,
    );
    expect(wanted(records)).toEqual([
      ["a", 1],
      ["b", 2],
    ]);
    expect([records.revision, records.isComplete]).toEqual([4n, true]);
  });

  it("follows changes", () => {
    const records = new RecordTable();
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
    const records = new RecordTable();
    records.apply(message({ revision: 1n, snapshotBegin: true, snapshotComplete: true, puts: ["a"] }), 1);
    records.apply(message({ revision: 2n, puts: ["a"] }), 9);
    expect(wanted(records)).toEqual([["a", 9]]);
  });

  it("drops what a new snapshot no longer has, and keeps the times of what it has", () => {
    const records = new RecordTable();
    records.apply(
      message({ revision: 1n, snapshotBegin: true, snapshotComplete: true, puts: ["a", "b"] }),
      1,
    );
    records.apply(message({ revision: 7n, snapshotBegin: true, snapshotComplete: true, puts: ["b"] }), 9);
    expect(wanted(records)).toEqual([["b", 1]]);
  });

  it("forgets half a snapshot when the watch breaks", () => {
    const records = new RecordTable();
    records.apply(message({ revision: 1n, snapshotBegin: true, snapshotComplete: true, puts: ["a"] }), 1);
    records.apply(message({ revision: 5n, snapshotBegin: true, puts: ["x"] }), 2);
    records.interrupted();
    records.apply(message({ revision: 2n, puts: ["b"] }), 3);
    expect(wanted(records).map(([variant]) => variant)).toEqual(["a", "b"]);
  });

  it("tells which kinds changed, those of what went included", () => {
    const records = new RecordTable();
    records.apply(message({ revision: 1n, snapshotBegin: true, snapshotComplete: true, puts: ["a"] }), 1);
    const unknown = message({ revision: 2n, deletedKeys: ["placement/x"] });
    expect(records.apply(unknown, 2)).toEqual(none);
    expect(records.apply(message({ revision: 3n, deletedKeys: ["placement/a"] }), 3)).toEqual(placements);
    const empty = message({ revision: 4n, snapshotBegin: true, snapshotComplete: true });
    expect(records.apply(empty, 4)).toEqual(none);
  });

  it("holds a key that one message deletes and puts", () => {
    const records = new RecordTable();
    records.apply(message({ revision: 1n, snapshotBegin: true, snapshotComplete: true, puts: ["a"] }), 1);
    records.apply(message({ revision: 2n, puts: ["a"], deletedKeys: ["placement/a"] }), 7);
    expect(wanted(records)).toEqual([["a", 7]]);
  });
});
