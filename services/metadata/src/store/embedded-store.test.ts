import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { seededRandom, systemClock, systemRandom, VirtualClock } from "@infaas/runtime";
import { describeStoreContract } from "../testing/store.contract";
import { openEmbeddedStore } from "./embedded-store";

const inTesting = (file: string) => join(__dirname, "../testing", file);
const folders: string[] = [];
const freshFolder = () => {
  const folder = mkdtempSync(join(tmpdir(), "infaas-embedded-"));
  folders.push(folder);
  return folder;
};
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

describeStoreContract("embedded store", async () => {
  const clock = new VirtualClock();
  const store = openEmbeddedStore(freshFolder(), { clock, random: seededRandom(1) });
  return {
    store,
    prefix: "t/",
    leaseTtlMs: 1000,
    passLeaseLife: () => clock.advance(1000),
    compact: async () => store.compact(),
  };
});

describe("openEmbeddedStore", () => {
  const put = (key: string, leaseId: string | null = null) =>
    ({ kind: "put", key, value: Buffer.from(key), leaseId }) as const;

  describe("when opened again", () => {
    it("has every key and goes on counting revisions, so that none is reused", async () => {
      const folder = freshFolder();
      const first = openEmbeddedStore(folder, { clock: systemClock, random: systemRandom });
      await first.transaction({ compares: [], writes: [put("a"), put("b")] });
      await first.delete("b");
      await first.close();
      const second = openEmbeddedStore(folder, { clock: systemClock, random: systemRandom });
      expect((await second.list("")).entries.map(({ key, revision }) => [key, revision])).toEqual([
        ["a", 2n],
      ]);
      expect(await second.transaction({ compares: [], writes: [put("c")] })).toEqual({
        kind: "committed",
        revision: 4n,
      });
      await second.close();
    });

    it("tells a watch from before the restart that its revision is compacted", async () => {
      const folder = freshFolder();
      const first = openEmbeddedStore(folder, { clock: systemClock, random: systemRandom });
      await first.transaction({ compares: [], writes: [put("a")] });
      await first.close();
      const second = openEmbeddedStore(folder, { clock: systemClock, random: systemRandom });
      const told = await new Promise((resolve) => second.watch({ prefix: "", fromRevision: 1n }, resolve));
      expect(told).toEqual({ kind: "compacted" });
      await second.close();
    });

    it("gives each lease one full life of grace, then lets it run out", async () => {
      const folder = freshFolder();
      const first = openEmbeddedStore(folder, { clock: new VirtualClock(), random: seededRandom(1) });
      const [kept, lost] = [await first.grantLease(1000), await first.grantLease(1000)];
      await first.transaction({ compares: [], writes: [put("kept", kept.id), put("lost", lost.id)] });
      await first.close();
      const clock = new VirtualClock();
      const second = openEmbeddedStore(folder, { clock, random: seededRandom(2) });
      await clock.advance(900);
      expect(await second.keepAlive(kept.id)).toEqual(kept);
      const gone = new Promise((resolve) => second.watch({ prefix: "lost", fromRevision: 3n }, resolve));
      await clock.advance(200);
      expect(await gone).toMatchObject({ changes: [{ kind: "delete", key: "lost" }] });
      expect(await second.get("kept")).not.toBeNull();
      await second.close();
    });
  });

  describe("when another process has the file open", () => {
    it("refuses to open it and names that process, until it is gone", async () => {
      const folder = freshFolder();
      const child = fork(inTesting("embedded-writer.ts"), [folder], {
        execArgv: ["--require", inTesting("typescript.cjs")],
      });
      await once(child, "message");
      const open = () => openEmbeddedStore(folder, { clock: systemClock, random: systemRandom });
      expect(open).toThrow(`metadata file is in use by process ${child.pid}`);
      child.kill("SIGKILL");
      await once(child, "exit");
      await open().close();
    });
  });

  describe("when its process is killed between writes", () => {
    it("has every write that was answered, whole, and none of a half-done transaction", async () => {
      const folder = freshFolder();
      for (let life = 0; life < 3; life++) {
        const answered = await killWriter(folder, 20 + life * 7);
        const store = openEmbeddedStore(folder, { clock: systemClock, random: systemRandom });
        const { entries, revision } = await store.list("");
        const [left, right] = ["left", "right"].map((key) => entries.find((entry) => entry.key === key));
        expect(revision).toBeGreaterThanOrEqual(answered);
        expect(left?.revision).toBe(right?.revision);
        expect(Buffer.from(left?.value ?? [])).toEqual(Buffer.from(right?.value ?? [1]));
        await store.close();
      }
    });
  });
});

/**
 * Runs a process that writes as fast as it can, kills it after some answers; returns the last revision
 * answered.
 */
async function killWriter(folder: string, answers: number): Promise<bigint> {
  const child = fork(inTesting("embedded-writer.ts"), [folder], {
    execArgv: ["--require", inTesting("typescript.cjs")],
  });
  let last = 0n;
  let count = 0;
  child.on("message", (revision) => {
    last = BigInt(String(revision));
    if (++count === answers) child.kill("SIGKILL");
  });
  const [code, signal] = await once(child, "exit");
  expect([code, signal]).toEqual([null, "SIGKILL"]);
  return last;
}
