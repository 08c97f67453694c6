import { create } from "@bufbuild/protobuf";
import { type WatchResponse, WatchResponseSchema } from "@infaas/api";
import { RecordTable } from "./record-table";

function message(init: Omit<Partial<WatchResponse>, "puts"> & { puts?: string[] }): WatchResponse {
  const { puts = [], ...rest } = init;
  const records = puts.map((variant) => ({
    key: `variant/${variant}`,
    value: { case: "variant" as const, value: { name: variant } },
  }));
  return create(WatchResponseSchema, { ...rest, puts: records } as never);
}

function wanted(records: RecordTable): [string, number][] {
  return [...records.allPut("variant")].map(({ value, putAtMs }) => [value.name, putAtMs]);
}

const none = new Set<string>();
const variants = new Set(["variant"]);

describe("RecordTable", () => {
  it("knows nothing of a snapshot before it is complete", () => {
    const records = new RecordTable();
    expect(records.apply(message({ revision: 4n, snapshotBegin: true, puts: ["a"] }), 1).kinds).toEqual(none);
    expect(wanted(records)).toEqual([]);
    expect([records.revision, records.isComplete]).toEqual([0n, false]);
    const complete = records.apply(message({ revision: 4n, snapshotComplete: true, puts: ["b"] }), 2);
    expect(complete).toEqual({ kinds: variants, puts: null, deleted: [] });
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
    records.apply(message({ revision: 2n, puts: ["c"], deletedKeys: ["variant/a"] }), 5);
    expect(wanted(records)).toEqual([
      ["b", 1],
      ["c", 5],
    ]);
  });

  it("renews the time of a record that is put again", () => {
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

  it("tells which kinds and records changed, those of what went included", () => {
    const records = new RecordTable();
    records.apply(message({ revision: 1n, snapshotBegin: true, snapshotComplete: true, puts: ["a"] }), 1);
    const unknown = message({ revision: 2n, deletedKeys: ["variant/x"] });
    expect(records.apply(unknown, 2)).toEqual({ kinds: none, puts: [], deleted: [] });
    const change = message({ revision: 3n, deletedKeys: ["variant/a"], puts: ["b"] });
    const { kinds, puts, deleted } = records.apply(change, 3);
    expect(kinds).toEqual(variants);
    expect([puts, deleted].map((some) => some?.map(({ key }) => key))).toEqual([
      ["variant/b"],
      ["variant/a"],
    ]);
    const empty = message({ revision: 4n, snapshotBegin: true, snapshotComplete: true });
    expect(records.apply(empty, 4).kinds).toEqual(variants);
    expect(records.apply({ ...empty, revision: 5n }, 5).kinds).toEqual(none);
  });

  it("holds a key that one message deletes and puts", () => {
    const records = new RecordTable();
    records.apply(message({ revision: 1n, snapshotBegin: true, snapshotComplete: true, puts: ["a"] }), 1);
    records.apply(message({ revision: 2n, puts: ["a"], deletedKeys: ["variant/a"] }), 7);
    expect(wanted(records)).toEqual([["a", 7]]);
  });
});
