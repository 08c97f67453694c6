import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, systemClock, systemRandom } from "@infaas/runtime";
import { open } from "lmdb";
import { openEmbeddedStore } from "./embedded-store";
import { LOG_BEGINNING, LogFile, readLog } from "./log-file";

describe("LogFile", () => {
  let folder = "";
  let path = "";
  const texts = () => readLog(path)?.payloads.map(String);
  const write = async (...records: string[]) => {
    const log = await LogFile.open(path, readLog(path)?.place ?? LOG_BEGINNING);
    for (const record of records) await log.append(Buffer.from(record));
    await log.close();
  };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "infaas-log-file-"));
    path = join(folder, "log");
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("has every record, and goes on after the last", async () => {
    expect(readLog(path)).toBeNull();
    await write("one", "two");
    await write("three");
    expect(texts()).toEqual(["one", "two", "three"]);
  });

  it("leaves out a last record at whatever byte a crash cut it, and goes on in its place", async () => {
    await write("one");
    const before = readFileSync(path).length;
    await write("a longer second record");
    const whole = readFileSync(path);
    for (let bytes = before; bytes < whole.length; bytes++) {
      writeFileSync(path, whole.subarray(0, bytes));
      expect(texts()).toEqual(["one"]);
    }
    truncateSync(path, before);
    appendFileSync(path, Buffer.alloc(4_096));
    expect(texts()).toEqual(["one"]);
    await write("2");
    expect(texts()).toEqual(["one", "2"]);
  });

  it("refuses a log that is damaged before its end", async () => {
    await write("one", "two", "three");
    const bytes = readFileSync(path);
    for (const at of [0, 3, 5, 12, 17]) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 1;
      writeFileSync(path, damaged);
      expect(texts).toThrow(/is damaged at byte 0, and has \d+ bytes more/);
    }
  });

  it("never continues with what an earlier life left behind", async () => {
    await write("one", "two");
    const place = readLog(path)!.place;
    const record = readFileSync(path).subarray(0, 10);
    appendFileSync(path, record);
    expect(texts()).toEqual(["one", "two"]);
    expect(readLog(path)!.place).toEqual(place);
  });
});

describe("openEmbeddedStore", () => {
  let folder = "";
  const openStore = () => openEmbeddedStore(folder, { clock: systemClock, random: systemRandom });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "infaas-embedded-log-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("goes on with what an earlier version kept in an LMDB file", async () => {
    const root = open({ path: join(folder, "metadata.lmdb"), maxDbs: 3 });
    const [entries, leases, facts] = ["entries", "leases", "facts"].map((name) =>
      root.openDB({ name, encoding: "msgpack" }),
    );
    await facts!.put("layout", 1);
    await facts!.put("revision", 7n);
    await entries!.put("key", { value: Buffer.from("old"), revision: 5n, leaseId: "l" });
    await leases!.put("l", { id: "l", ttlMs: 60_000 });
    await root.close();
    for (let life = 0; life < 2; life++) {
      const store = openStore();
      expect(await store.get("key")).toMatchObject({ revision: 5n, leaseId: "l" });
      expect(Buffer.from((await store.get("key"))?.value ?? []).toString()).toBe("old");
      expect(await store.keepAlive("l")).toEqual({ id: "l", ttlMs: 60_000 });
      const write = { kind: "put", key: "new", value: Buffer.from("1"), leaseId: null } as const;
      const revision = BigInt(8 + life);
      expect(await store.transaction({ compares: [], writes: [write] })).toEqual({
        kind: "committed",
        revision,
      });
      await store.close();
    }
  });

  it("rewrites a log that is mostly outdated, and loses nothing", async () => {
    const store = openStore();
    const value = Buffer.alloc(600_000, "v");
    for (let i = 0; i < 30; i++) {
      const writes = [{ kind: "put", key: `key-${i % 3}`, value, leaseId: null } as const];
      await store.transaction({ compares: [], writes });
    }
    await store.close();
    expect(readFileSync(join(folder, "metadata.log")).length).toBeLessThan(12 * 1024 ** 2);
    const again = openStore();
    const { revision, entries } = await again.list("");
    expect([revision, entries.map((entry) => entry.revision)]).toEqual([31n, [29n, 30n, 31n]]);
    await again.close();
  });

  it("refuses a log that it cannot read", () => {
    writeFileSync(join(folder, "metadata.log"), Buffer.from("no log, and longer than what a crash leaves"));
    expect(openStore).toThrow(expect.objectContaining({ code: Code.DATA_LOSS }));
  });
});
