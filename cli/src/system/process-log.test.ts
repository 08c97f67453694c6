import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mountSmallDisk } from "@infaas/runtime/testing/small-disk";
import { ProcessLog } from "./process-log";

const disk = mountSmallDisk(1024 ** 2);
afterAll(() => disk?.unmount());

describe("ProcessLog", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "infaas-log-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("goes on where a log ended, and keeps one full log beside the one that grows", () => {
    const path = join(folder, "a.log");
    for (let process = 0; process < 2; process++) {
      const log = new ProcessLog(path, 1_000);
      for (let i = 0; i < 25; i++) log.write(Buffer.from(`${"x".repeat(99)}\n`));
      log.close();
    }
    expect(readdirSync(folder).sort()).toEqual(["a.log", "a.log.1"]);
    expect(readFileSync(`${path}.1`).length).toBe(1_100);
    expect(readFileSync(path).length).toBeLessThanOrEqual(1_100);
  });

  it("loses what has no place, and says how much once there is one", () => {
    const log = new ProcessLog(join(folder, "missing", "a.log"));
    log.write(Buffer.from("lost\n"));
    log.close();
    expect(readdirSync(folder)).toEqual([]);
  });

  (disk === null ? it.skip : it)("goes on when its disk is full, and when there is room again", () => {
    const path = join(disk!.folder, "a.log");
    const log = new ProcessLog(path);
    log.write(Buffer.from("before\n"));
    disk!.fill();
    for (let i = 0; i < 100; i++) log.write(Buffer.alloc(1_000, "x"));
    disk!.empty();
    log.write(Buffer.from("after\n"));
    log.close();
    const said = readFileSync(path, "utf8");
    expect(said).toMatch(/^before\n/);
    expect(said).toMatch(/\d+ bytes of log were lost: .*ENOSPC.*\nafter\n$/);
  });
});
