import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code } from "@infaas/runtime";
import { claimFolder, endSupervisor, supervisorOf } from "./supervisor";

/** A process that claims the folder each time it is told to, says how that ended, and ends on SIGTERM. */
const claimant = (folder: string) => `
  const { claimFolder } = require(${JSON.stringify(join(__dirname, "../../dist/system/supervisor.js"))});
  let release = () => undefined;
  const claim = () => {
    try {
      release = claimFolder(${JSON.stringify(folder)});
      return "claimed";
    } catch (error) {
      return error.message;
    }
  };
  process.on("message", (word) => process.send(word === "claim" ? claim() : release() ?? "released"));
  process.on("SIGTERM", () => { release(); process.exit(0); });
  process.send("ready");`;

/** Rounds in which several start at once. */
const ROUNDS = 20;

describe("the supervisor of a folder", () => {
  let folder = "";
  const children: ChildProcess[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "supervisor-"));
  });
  afterEach(() => {
    for (const child of children.splice(0)) child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });
  const begin = async () => {
    const child = spawn(process.execPath, ["-e", claimant(folder)], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    children.push(child);
    await once(child, "message");
    return child;
  };
  const tell = async (child: ChildProcess, word: "claim" | "release"): Promise<string> => {
    const answer = once(child, "message");
    child.send(word);
    return (await answer)[0];
  };
  const startOther = async () => {
    const child = await begin();
    expect(await tell(child, "claim")).toBe("claimed");
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
    const several = await Promise.all(Array.from({ length: 4 }, begin));
    for (let round = 0; round < ROUNDS; round++) {
      writeFileSync(join(folder, "supervisor.json"), JSON.stringify({ pid: 2 ** 22, began: "1" }));
      const answers = await Promise.all(several.map((child) => tell(child, "claim")));
      const winner = several[answers.indexOf("claimed")];
      expect(answers.filter((answer) => answer === "claimed")).toHaveLength(1);
      expect(answers.filter((answer) => answer.includes(`that process ${winner?.pid} runs`))).toHaveLength(3);
      expect(readdirSync(folder)).toEqual(["supervisor.json"]);
      await tell(winner!, "release");
      expect(readdirSync(folder)).toEqual([]);
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
    const killed: number[] = [];
    claimFolder(folder, ({ pid }) => killed.push(pid))();
    expect(killed).toEqual([child.pid]);
    writeFileSync(join(folder, "supervisor.json"), JSON.stringify({ pid: process.pid, began: "1" }));
    expect(supervisorOf(folder)).toBeNull();
    await expect(endSupervisor(folder)).rejects.toMatchObject({ code: Code.NOT_FOUND });
  });
});
