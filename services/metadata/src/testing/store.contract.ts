import { Code } from "@infaas/runtime";
import { type MetadataStore, type StoreEvent, type StoreWatch, TRANSACTION_MAX_WRITES } from "../store/store";

/** One store under test and what only its kind can do. */
export interface StoreUnderTest {
  readonly store: MetadataStore;
  /** A prefix nobody else writes under. */
  readonly prefix: string;
  /** Shortest life a lease can have here. */
  readonly leaseTtlMs: number;
  /** Lets leases that nobody renews run out; may return before they have. */
  passLeaseLife(): Promise<void>;
  /** Forgets every revision before the current one. */
  compact(): Promise<void>;
}

/** Declares the suite every MetadataStore passes. `open` gives each test a fresh prefix or store. */
export function describeStoreContract(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`${name} as MetadataStore`, () => {
    let under: StoreUnderTest;
    let store: MetadataStore;
    const key = (tail: string) => under.prefix + tail;
    const put = (tail: string, value: string, leaseId: string | null = null) =>
      ({ kind: "put", key: key(tail), value: bytes(value), leaseId }) as const;
    const write = async (...writes: Parameters<MetadataStore["transaction"]>[0]["writes"]) => {
      const outcome = await store.transaction({ compares: [], writes });
      if (outcome.kind !== "committed") throw new Error(`not committed but ${outcome.kind}`);
      return outcome.revision;
    };

    beforeEach(async () => {
      under = await open();
      store = under.store;
    });
    afterEach(() => store.close());

    describe("get and list", () => {
      it("answers null for a key that was never written", async () => {
        expect(await store.get(key("a"))).toBeNull();
      });

      it("gives back what was put, with the revision that put it", async () => {
        const revision = await write(put("a", "1"));
        expect(await store.get(key("a"))).toEqual({
          key: key("a"),
          value: bytes("1"),
          revision,
          leaseId: null,
        });
      });

      it("keeps an empty value and any byte apart from absence", async () => {
        const all = Uint8Array.from({ length: 256 }, (_, index) => index);
        await write(put("empty", ""), { kind: "put", key: key("all"), value: all, leaseId: null });
        expect((await store.get(key("empty")))?.value).toHaveLength(0);
        expect(Uint8Array.from((await store.get(key("all")))?.value ?? [])).toEqual(all);
      });

      it("lists the keys under a prefix in order, and nothing beside it", async () => {
        const revision = await write(put("b/2", "2"), put("b/1", "1"), put("b", "0"), put("c/1", "3"));
        const listing = await store.list(key("b/"));
        expect(listing.entries.map((entry) => entry.key)).toEqual([key("b/1"), key("b/2")]);
        expect(listing.revision).toBeGreaterThanOrEqual(revision);
      });

      it("refuses an empty key and one beyond the bound", async () => {
        await expect(store.get("")).rejects.toMatchObject({ code: Code.INVALID_ARGUMENT });
        await expect(store.get("k".repeat(1025))).rejects.toThrow(
          "key of 1025 bytes is outside the 1 to 1024",
        );
      });
    });

    describe("transaction", () => {
      it("gives every committed transaction a higher revision", async () => {
        const revisions = [
          await write(put("a", "1")),
          await write(put("a", "2")),
          await write(put("b", "3")),
        ];
        expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => (a < b ? -1 : 1)));
      });

      it("writes only where the compared key is absent", async () => {
        const create = { compares: [{ key: key("a"), revision: 0n }], writes: [put("a", "1")] };
        expect((await store.transaction(create)).kind).toBe("committed");
        expect(await store.transaction(create)).toEqual({ kind: "conflict" });
      });

      it("writes only where the compared key has not changed", async () => {
        const first = await write(put("a", "1"));
        await write(put("a", "2"));
        const stale = {
          compares: [{ key: key("a"), revision: first }],
          writes: [put("a", "3"), put("b", "3")],
        };
        expect(await store.transaction(stale)).toEqual({ kind: "conflict" });
        expect(text((await store.get(key("a")))?.value)).toBe("2");
        expect(await store.get(key("b"))).toBeNull();
      });

      it("lets exactly one of many racing writers win", async () => {
        const race = Array.from({ length: 16 }, (_, writer) =>
          store.transaction({ compares: [{ key: key("a"), revision: 0n }], writes: [put("a", `${writer}`)] }),
        );
        const kinds = (await Promise.all(race)).map(({ kind }) => kind);
        expect(kinds.filter((kind) => kind === "committed")).toHaveLength(1);
      });

      it("deletes by prefix together with other writes", async () => {
        await write(put("a/1", "1"), put("a/2", "2"), put("ab", "3"));
        await write({ kind: "deletePrefix", prefix: key("a/") }, put("z", "4"));
        const left = (await store.list(under.prefix)).entries.map((entry) => entry.key);
        expect(left).toEqual([key("ab"), key("z")]);
      });

      it("refuses to write one key twice", async () => {
        const twice = { compares: [], writes: [put("a", "1"), put("a", "2")] };
        await expect(store.transaction(twice)).rejects.toMatchObject({ code: Code.INVALID_ARGUMENT });
        const overlap = {
          compares: [],
          writes: [put("a/1", "1"), { kind: "deletePrefix" as const, prefix: key("a/") }],
        };
        await expect(store.transaction(overlap)).rejects.toThrow("also by prefix");
      });

      it("takes as many writes as the bound says, and refuses one more", async () => {
        const writes = Array.from({ length: TRANSACTION_MAX_WRITES + 1 }, (_, index) =>
          put(`n${index}`, "x"),
        );
        await expect(store.transaction({ compares: [], writes })).rejects.toThrow(
          "129 writes exceeds the 128",
        );
        await write(...writes.slice(1));
        expect((await store.list(key("n"))).entries).toHaveLength(TRANSACTION_MAX_WRITES);
      });
    });

    describe("delete", () => {
      it("says whether the key was there", async () => {
        await write(put("a", "1"));
        expect(await store.delete(key("a"))).toBe(true);
        expect(await store.delete(key("a"))).toBe(false);
        expect(await store.get(key("a"))).toBeNull();
      });
    });

    describe("watch", () => {
      it("tells what happened since a past revision, then what happens, in order and without a gap", async () => {
        const first = await write(put("a", "1"));
        await write(put("a", "2"));
        const seen = record(store, under.prefix, first);
        await write(put("b", "3"));
        await store.delete(key("a"));
        await seen.until((told) => told.length === 4);
        expect(seen.told).toEqual(["a=1", "a=2", "b=3", "-a"].map((change) => [change]));
        seen.close();
      });

      it("tells everything one transaction did as one event", async () => {
        const before = await write(put("a", "1"), put("b", "1"));
        const seen = record(store, under.prefix, before + 1n);
        const revision = await write(put("c", "2"), { kind: "delete", key: key("a") }, put("b", "2"));
        await seen.until((told) => told.length === 1);
        expect([...(seen.told[0] ?? [])].sort()).toEqual(["-a", "b=2", "c=2"]);
        expect(seen.revisions).toEqual([revision]);
        seen.close();
      });

      it("is silent about keys outside the prefix", async () => {
        const before = await write(put("a/1", "1"));
        const seen = record(store, key("a/"), before + 1n);
        await write(put("b/1", "1"));
        await write(put("a/2", "2"));
        await seen.until((told) => told.length === 1);
        expect(seen.told.flat().map((change) => change.slice(-3))).toEqual(["2=2".slice(-3)]);
        seen.close();
      });

      it("tells nothing once closed", async () => {
        const before = await write(put("a", "1"));
        const closed = record(store, under.prefix, before + 1n);
        const open = record(store, under.prefix, before + 1n);
        closed.close();
        await write(put("a", "2"));
        await open.until((told) => told.length === 1);
        expect(closed.told).toEqual([]);
        open.close();
      });

      it("says compacted for a revision that is no longer kept, and a new listing finds the place again", async () => {
        const first = await write(put("a", "1"));
        await write(put("a", "2"));
        await under.compact();
        const lost = record(store, under.prefix, first);
        await lost.untilEnded();
        expect(lost.ended).toEqual({ kind: "compacted" });
        const listing = await store.list(under.prefix);
        expect(listing.entries.map(({ value }) => text(value))).toContain("2");
        const seen = record(store, under.prefix, listing.revision + 1n);
        await write(put("b", "3"));
        await seen.until((told) => told.length === 1);
        expect(seen.told).toEqual([["b=3"]]);
        seen.close();
      });
    });

    describe("lease", () => {
      it("takes its keys along when nobody renews it", async () => {
        const lease = await store.grantLease(under.leaseTtlMs);
        const before = await write(put("durable", "1"), put("a", "1", lease.id));
        const seen = record(store, under.prefix, before + 1n);
        await under.passLeaseLife();
        await seen.until((told) => told.length === 1);
        expect(seen.told).toEqual([["-a"]]);
        expect(await store.get(key("durable"))).not.toBeNull();
        expect(await store.keepAlive(lease.id)).toBeNull();
        seen.close();
      });

      it("can be renewed, and says how long it lives", async () => {
        const lease = await store.grantLease(under.leaseTtlMs);
        expect(lease.ttlMs).toBeGreaterThanOrEqual(under.leaseTtlMs);
        expect(await store.keepAlive(lease.id)).toEqual(lease);
      });

      it("takes all its keys along at once when revoked, and revoking again is harmless", async () => {
        const lease = await store.grantLease(under.leaseTtlMs * 10);
        const before = await write(put("a", "1", lease.id), put("b", "1", lease.id));
        const seen = record(store, under.prefix, before + 1n);
        await store.revokeLease(lease.id);
        await store.revokeLease(lease.id);
        await seen.until((told) => told.flat().length === 2);
        expect(seen.told.flat().sort()).toEqual(["-a", "-b"]);
        seen.close();
      });

      it("cannot be written under once it is gone", async () => {
        const lease = await store.grantLease(under.leaseTtlMs * 10);
        await store.revokeLease(lease.id);
        const late = { compares: [], writes: [put("durable", "1"), put("a", "1", lease.id)] };
        expect(await store.transaction(late)).toEqual({ kind: "leaseLost", leaseId: lease.id });
        expect(await store.get(key("durable"))).toBeNull();
      });

      it("lets go of a key that is put again under another lease or none", async () => {
        const [old, young] = [
          await store.grantLease(under.leaseTtlMs * 10),
          await store.grantLease(under.leaseTtlMs * 10),
        ];
        await write(put("a", "1", old.id), put("b", "1", old.id));
        await write(put("a", "2", young.id), put("b", "2"));
        await store.revokeLease(old.id);
        expect((await store.get(key("a")))?.leaseId).toBe(young.id);
        expect((await store.get(key("b")))?.leaseId).toBeNull();
        await store.revokeLease(young.id);
        expect(await store.get(key("a"))).toBeNull();
      });
    });

    /** What a watch told, as `key=value` and `-key` with the prefix cut off. */
    function record(watched: MetadataStore, prefix: string, fromRevision: bigint) {
      const told: string[][] = [];
      const revisions: bigint[] = [];
      const waiting = new Set<() => void>();
      const recorder = { told, revisions, ended: null as StoreEvent | null, close, until, untilEnded };
      const watch: StoreWatch = watched.watch({ prefix, fromRevision }, (event) => {
        if (event.kind === "changes") {
          revisions.push(event.revision);
          told.push(event.changes.map((change) => written(change.kind === "put" ? change.entry : change)));
        } else recorder.ended = event;
        for (const check of waiting) check();
      });
      function close() {
        watch.close();
      }
      function until(holds: (told: readonly string[][]) => boolean): Promise<void> {
        return new Promise((resolve) => {
          const check = () => {
            if (!holds(told)) return;
            waiting.delete(check);
            resolve();
          };
          waiting.add(check);
          check();
        });
      }
      function untilEnded() {
        return until(() => recorder.ended !== null);
      }
      return recorder;
    }

    function written(change: { key: string; value?: Uint8Array }): string {
      const tail = change.key.slice(under.prefix.length);
      return change.value === undefined ? `-${tail}` : `${tail}=${text(change.value)}`;
    }
  });
}

const bytes = (value: string): Uint8Array => Buffer.from(value);
const text = (value: Uint8Array | undefined): string => Buffer.from(value ?? []).toString();
