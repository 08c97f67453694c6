import { systemClock } from "@infaas/runtime";
import { EtcdServer, findEtcd } from "../testing/etcd-server";
import { describeStoreContract } from "../testing/store.contract";
import { openEtcdStore } from "./etcd-store";
import { isRecoverable, type StoreEvent } from "./store";

const binary = findEtcd();
if (binary === null) {
  describe("etcd store (SKIPPED: no etcd; npm run etcd:install -w @infaas/metadata)", () => {
    it("is not tested on this machine", () => expect(binary).toBeNull());
  });
} else describeEtcd(binary);

function describeEtcd(path: string): void {
  let server: EtcdServer;
  let count = 0;
  const open = () => openEtcdStore({ hosts: [server.address], clock: systemClock });
  const put = (key: string, value: string, leaseId: string | null = null) =>
    ({ kind: "put", key, value: Buffer.from(value), leaseId }) as const;

  beforeAll(async () => {
    server = await EtcdServer.start(path);
  });
  afterAll(() => server.remove());

  describeStoreContract("etcd store", async () => ({
    store: open(),
    prefix: `t${count++}/`,
    leaseTtlMs: 1000,
    passLeaseLife: async () => undefined,
    compact: () => server.compact(),
  }));

  describe("openEtcdStore", () => {
    describe("when etcd is killed and started again mid-watch", () => {
      it("says the watch failed recoverably, and a new watch goes on from there without a gap", async () => {
        const store = open();
        const { entries, revision } = await store.list("restart/");
        expect(entries).toEqual([]);
        const failed = ended(store, "restart/", revision + 1n);
        await store.transaction({ compares: [], writes: [put("restart/a", "1")] });
        await server.kill();
        const event = await failed;
        expect(event.kind === "failed" && isRecoverable(event.error)).toBe(true);
        const away = store.get("restart/a").catch((error) => isRecoverable(error));
        expect(await away).toBe(true);
        await server.run();
        const seen = firstRevisions(store, { prefix: "restart/", fromRevision: revision + 1n }, 2);
        await eventually(() => store.transaction({ compares: [], writes: [put("restart/b", "2")] }));
        expect(await seen).toEqual(["restart/a", "restart/b"]);
        await store.close();
      });

      it("keeps leases that were running, which can be renewed after it", async () => {
        const store = open();
        const lease = await store.grantLease(60_000);
        await store.transaction({ compares: [], writes: [put("leased/a", "1", lease.id)] });
        await server.kill();
        await server.run();
        expect(await eventually(() => store.keepAlive(lease.id))).toEqual(lease);
        expect((await store.get("leased/a"))?.leaseId).toBe(lease.id);
        await store.revokeLease(lease.id);
        await store.close();
      });
    });

    describe("when a transaction is larger than etcd takes", () => {
      it.each([1_600_000, 3_000_000])("says so of %d bytes, and what to set", async (bytes) => {
        const store = open();
        const outcome = store.transaction({ compares: [], writes: [put("large/a", "x".repeat(bytes))] });
        await expect(outcome).rejects.toThrow(`transaction of ${bytes} bytes exceeds what this etcd takes`);
        await store.close();
      });
    });

    describe("when nothing listens", () => {
      it("fails recoverably, names etcd, and says so of transactions too", async () => {
        const store = openEtcdStore({ hosts: ["http://127.0.0.1:1"], clock: systemClock });
        await expect(store.list("a/")).rejects.toThrow("etcd: ");
        const outcome = store.transaction({ compares: [], writes: [put("a", "1")] });
        expect(await outcome.catch((error) => isRecoverable(error))).toBe(true);
        await store.close();
      });
    });

    describe("when one of its hosts is away", () => {
      it("answers by another", async () => {
        const store = openEtcdStore({ hosts: ["http://127.0.0.1:1", server.address], clock: systemClock });
        for (let call = 0; call < 4; call++) expect((await store.list("nothing/")).entries).toEqual([]);
        await store.close();
      });
    });
  });
}

type Store = ReturnType<typeof openEtcdStore>;

/** The event that ends a watch. */
function ended(store: Store, prefix: string, fromRevision: bigint): Promise<StoreEvent> {
  return new Promise((resolve) => {
    store.watch({ prefix, fromRevision }, (event) => {
      if (event.kind !== "changes") resolve(event);
    });
  });
}

/** The keys of the first `count` changes a watch tells; watches again while the store is coming back. */
function firstRevisions(
  store: Store,
  range: { prefix: string; fromRevision: bigint },
  count: number,
): Promise<string[]> {
  const keys: string[] = [];
  return new Promise((resolve) => {
    const follow = (fromRevision: bigint) => {
      let next = fromRevision;
      const watch = store.watch({ prefix: range.prefix, fromRevision }, (event) => {
        if (event.kind !== "changes") {
          setImmediate(() => follow(next));
          return;
        }
        next = event.revision + 1n;
        for (const change of event.changes)
          keys.push(change.kind === "put" ? change.entry.key : `-${change.key}`);
        if (keys.length < count) return;
        watch.close();
        resolve(keys);
      });
    };
    follow(range.fromRevision);
  });
}

/** Repeats a call while the store is on its way back; bounded by the calls it takes, each of which waits. */
async function eventually<T>(call: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      if (attempt >= 200) throw error;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
