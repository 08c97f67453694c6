import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code } from "@infaas/runtime";
import { claimFolder, endSupervisor, supervisorOf } from "./supervisor";

/** A process that claims the folder, says so, and ends on SIGTERM. */
const claimant = (folder: string) => `
  const { claimFolder } = require(${JSON.stringify(join(__dirname, "../dist/supervisor.js"))});
  const release = claimFolder(${JSON.stringify(folder)});
  process.on("SIGTERM", () => { release(); process.exit(0); });
  process.stdout.write("claimed");
  setInterval(() => {}, 1_000);`;

describe("the supervisor of a folder", () => {
  let folder = "";
  let other: ChildProcess | null = null;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "supervisor-"));
  });
  afterEach(() => {
    other?.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });
  const startOther = async () => {
    const child = spawn(process.execPath, ["-e", claimant(folder)], { stdio: ["ignore", "pipe", "inherit"] });
    other = child;
    await once(child.stdout, "data");
    return child;
  };

  it("is one process: a second is told who it is, and takes over nothing", async () => {
    const { pid } = await startOther();
    expect(() => claimFolder(folder)).toThrow(
      expect.objectContaining({
        code: Code.FAILED_PRECONDITION,
        message: expect.stringContaining(`belongs to the system that process ${pid} runs`),
      }),
    );
    expect(supervisorOf(folder)?.pid).toBe(pid);
  });

  it("is one of several that start at once, also where one was killed before", async () => {
    for (let round = 0; round < 3; round++) {
      writeFileSync(join(folder, "supervisor.json"), JSON.stringify({ pid: 2 ** 22, began: "1" }));
      const children = Array.from({ length: 4 }, () =>
        spawn(process.execPath, ["-e", claimant(folder)], { stdio: ["ignore", "pipe", "ignore"] }),
      );
      const claims = await Promise.all(
        children.map((child) =>
          Promise.race([once(child.stdout, "data"), once(child, "exit").then(() => null)]),
        ),
      );
      expect(claims.filter((claim) => claim !== null)).toHaveLength(1);
      expect(readdirSync(folder)).toEqual(["supervisor.json"]);
      for (const child of children) child.kill("SIGKILL");
    }
  });

  it("is ended by down, which waits for it", async () => {
    const { pid } = await startOther();
    expect((await endSupervisor(folder)).pid).toBe(pid);
    expect(supervisorOf(folder)).toBeNull();
    await expect(endSupervisor(folder)).rejects.toMatchObject({ code: Code.NOT_FOUND });
  });

  it("is none once it was killed, nor one whose process id another has by now", async () => {
    const child = await startOther();
    child.kill("SIGKILL");
    await once(child, "close");
    expect(supervisorOf(folder)).toBeNull();
    claimFolder(folder)();
    writeFileSync(join(folder, "supervisor.json"), JSON.stringify({ pid: process.pid, began: "1" }));
    expect(supervisorOf(folder)).toBeNull();
    await expect(endSupervisor(folder)).rejects.toMatchObject({ code: Code.NOT_FOUND });
  });
});
