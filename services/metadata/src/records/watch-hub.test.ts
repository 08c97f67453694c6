import type { Record } from "@infaas/api";
import { Code, createLogger, ServiceError, seededRandom, VirtualClock } from "@infaas/runtime";
import { FIRST_REVISION, LocalStore } from "../store/local-store";
import { openMemoryStore } from "../store/memory-store";
import type { MetadataStore } from "../store/store";
import { exampleTask, Watching } from "../testing/examples";
import { inMemory } from "../testing/in-memory";
import { taskKey } from "./keys";
import { encodeRecord } from "./records";
import { WatchHub } from "./watch-hub";
import { WATCH_QUEUE_MAX_MESSAGES } from "./watch-queue";

const logger = createLogger({ service: "test", write: () => undefined });
const unavailable = new ServiceError(Code.UNAVAILABLE, "the line went dead");
const never = new AbortController().signal;
const task = (name: string, description = "") =>
  ({
    kind: "put",
    key: taskKey(name),
    value: encodeRecord("task", exampleTask({ name, description })),
    leaseId: null,
  }) as const;

async function write(store: MetadataStore, ...names: string[]): Promise<bigint> {
  const outcome = await store.transaction({ compares: [], writes: names.map((name) => task(name)) });
  if (outcome.kind !== "committed") throw new Error(outcome.kind);
  return outcome.revision;
}

describe("WatchHub", () => {
  it("tells a snapshot, then every change in order, one message for each transaction", async () => {
    const { hub, store } = await inMemory();
    await hub.reached(await write(store, "a", "b"));
    const stream = hub.subscribe(0n, never);
    const snapshot = (await stream.next()).value;
    expect(snapshot).toMatchObject({ snapshotBegin: true, snapshotComplete: true, revision: 2n });
    expect(snapshot?.puts.map((record: Record) => record.key)).toEqual([taskKey("a"), taskKey("b")]);
    await write(store, "c", "d");
    await store.delete(taskKey("a"));
    expect((await stream.next()).value).toMatchObject({
      revision: 3n,
      snapshotBegin: false,
      deletedKeys: [],
    });
    expect((await stream.next()).value).toMatchObject({
      revision: 4n,
      puts: [],
      deletedKeys: [taskKey("a")],
    });
    await stream.return(undefined);
    expect(hub.watcherCount).toBe(0);
  });

  it("says of an empty store that the snapshot is complete", async () => {
    const { hub } = await inMemory();
    const stream = hub.subscribe(0n, never);
    expect((await stream.next()).value).toMatchObject({
      snapshotBegin: true,
      snapshotComplete: true,
      puts: [],
    });
    await stream.return(undefined);
  });

  it("cuts a large snapshot into messages, all of one revision", async () => {
    const { hub, store } = await inMemory();
    const large = "x".repeat(300_000);
    for (const name of ["a", "b", "c", "d", "e", "f", "g"]) {
      await store.transaction({ compares: [], writes: [task(name, large)] });
    }
    await hub.reached(8n);
    const watching = new Watching(hub.subscribe(0n, never));
    await watching.until(({ complete }) => complete);
    expect(watching.keys()).toHaveLength(7);
    expect(watching.messages).toBe(3);
    hub.close();
  });

  describe("when a value in the store is no record", () => {
    it("shows the rest, takes what became unreadable away, and says which key it was", async () => {
      const clock = new VirtualClock();
      const store = openMemoryStore({ clock, random: seededRandom(1) });
      const garbage = (name: string) => ({ ...task(name), value: Buffer.from("garbage") });
      await store.transaction({ compares: [], writes: [task("a"), task("b"), garbage("c")] });
      const lines: string[] = [];
      const hub = await WatchHub.open(
        store,
        clock,
        createLogger({ service: "test", write: (line) => lines.push(line) }),
      );
      const watching = new Watching(hub.subscribe(0n, never));
      await watching.until(({ complete }) => complete);
      expect(watching.keys()).toEqual([taskKey("a"), taskKey("b")]);
      await store.transaction({ compares: [], writes: [garbage("b")] });
      await watching.until((all) => all.keys().length === 1);
      expect(lines.filter((line) => line.includes(taskKey("c")))).toHaveLength(1);
      hub.close();
    });
  });

  describe("when a watcher comes back", () => {
    it("tells only what it missed", async () => {
      const { hub, store } = await inMemory();
      await write(store, "a");
      await write(store, "b");
      await hub.reached(await write(store, "c"));
      const stream = hub.subscribe(3n, never);
      expect((await stream.next()).value).toMatchObject({ revision: 3n, puts: [{ key: taskKey("b") }] });
      expect((await stream.next()).value).toMatchObject({ revision: 4n });
      await stream.return(undefined);
    });

    it.each([
      ["from before this process knows", 5n],
      ["from a future that never was", 999n],
      ["from below 0", -1n],
    ])("sends a snapshot to one %s", async (_, fromRevision) => {
      const clock = new VirtualClock();
      const store = openMemoryStore({ clock, random: seededRandom(1) });
      for (const name of ["a", "b", "c", "d", "e", "f"]) await write(store, name);
      const hub = await WatchHub.open(store, clock, logger);
      const watching = new Watching(hub.subscribe(fromRevision, never));
      await watching.until(({ complete }) => complete);
      expect(watching.keys()).toHaveLength(6);
      hub.close();
    });
  });

  describe("when a watcher does not read", () => {
    it("drops it with RESOURCE_EXHAUSTED at the bound, and others notice nothing", async () => {
      const { hub, store } = await inMemory();
      const slow = hub.subscribe(0n, never);
      await slow.next();
      const quick = new Watching(hub.subscribe(0n, never));
      for (let change = 0; change <= WATCH_QUEUE_MAX_MESSAGES; change++) await write(store, "a");
      await hub.reached(BigInt(WATCH_QUEUE_MAX_MESSAGES + 2));
      await expect(slow.next()).rejects.toMatchObject({ code: Code.RESOURCE_EXHAUSTED });
      expect(hub.droppedCount).toBe(1);
      await quick.until(({ revision }) => revision === BigInt(WATCH_QUEUE_MAX_MESSAGES + 2));
      expect(quick.ended).toBeNull();
      hub.close();
    });
  });

  describe("when the store has compacted the revision it stood at, and was away meanwhile", () => {
    it("reads everything anew and sends each watcher a fresh snapshot, never a gap", async () => {
      const clock = new VirtualClock();
      const store = new Interruptible(clock);
      await write(store, "a", "gone");
      const hub = await WatchHub.open(store, clock, logger);
      const watching = new Watching(hub.subscribe(0n, never));
      await watching.until(({ complete }) => complete);
      store.interrupt();
      await store.delete(taskKey("gone"));
      await write(store, "b");
      store.compact();
      await clock.advance(10_000);
      await watching.until(({ snapshots }) => snapshots === 2);
      expect(watching.keys()).toEqual([taskKey("a"), taskKey("b")]);
      await write(store, "c");
      await watching.until((all) => all.keys().length === 3);
      hub.close();
    });

    it("goes on without a snapshot when nothing was compacted", async () => {
      const clock = new VirtualClock();
      const store = new Interruptible(clock);
      const hub = await WatchHub.open(store, clock, logger);
      const watching = new Watching(hub.subscribe(0n, never));
      store.interrupt();
      await write(store, "a");
      await clock.advance(10_000);
      await watching.until((all) => all.keys().length === 1);
      expect(watching.snapshots).toBe(1);
      hub.close();
    });
  });

  describe("when the store stays away", () => {
    it("asks less and less often, then goes on", async () => {
      const clock = new VirtualClock();
      const store = new Interruptible(clock);
      const hub = await WatchHub.open(store, clock, logger);
      const watching = new Watching(hub.subscribe(0n, never));
      store.isAway = true;
      store.interrupt();
      await clock.advance(60_000);
      expect(store.refusals).toBeGreaterThan(20);
      expect(store.refusals).toBeLessThan(40);
      store.isAway = false;
      await write(store, "a");
      await clock.advance(2_000);
      await watching.until((all) => all.keys().length === 1);
      expect(hub.readCount).toBe(1);
      hub.close();
    });
  });

  it("ends every watch when it closes, and a watch when its caller goes", async () => {
    const { hub } = await inMemory();
    const caller = new AbortController();
    const [left, closed] = [
      new Watching(hub.subscribe(0n, caller.signal)),
      new Watching(hub.subscribe(0n, never)),
    ];
    caller.abort();
    await left.until(({ ended }) => ended !== null);
    expect(hub.watcherCount).toBe(1);
    hub.close();
    await closed.until(({ ended }) => ended === "closed");
  });
});

/** A real store in memory whose watches can be broken off, as those of a store across a network are. */
class Interruptible extends LocalStore {
  isAway = false;
  refusals = 0;
  private break: (() => void)[] = [];

  constructor(clock: VirtualClock) {
    const forgetful = {
      load: () => ({ revision: FIRST_REVISION, entries: [], leases: [] }),
      commit: async () => undefined,
      close: async () => undefined,
    };
    super(forgetful, { clock, random: seededRandom(1) });
  }

  override watch(...[range, tell]: Parameters<LocalStore["watch"]>) {
    const watch = super.watch(range, tell);
    this.break.push(() => {
      watch.close();
      tell({ kind: "failed", error: unavailable });
    });
    return watch;
  }

  override async get(key: string) {
    if (!this.isAway) return super.get(key);
    this.refusals++;
    throw unavailable;
  }

  interrupt(): void {
    for (const breakOff of this.break.splice(0)) breakOff();
  }
}
