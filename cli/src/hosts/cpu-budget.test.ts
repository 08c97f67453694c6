import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { openCpuBudgets } from "./cpu-budget";

/** Ends after so long of its own, and prints the CPU time it got meanwhile. */
const busy = `const end = performance.now() + 1500;
  while (performance.now() < end);
  const { user, system } = process.cpuUsage();
  process.stdout.write(String((user + system) / 1e6 / (performance.now() / 1000)));`;

function output(child: ChildProcess): Promise<string> {
  return new Promise((done) => {
    let text = "";
    child.stdout?.on("data", (chunk) => {
      text += chunk;
    });
    child.on("close", () => done(text));
  });
}

const budgets = openCpuBudgets({ cores: 0.25, maxHosts: 3 });
const whereEnforced = budgets.isEnforced ? it : it.skip;

describe(`CpuBudgets of 0.25 cores (${budgets.sentence})`, () => {
  whereEnforced("give a process, and what it starts, no more than its share of a core", async () => {
    const budget = budgets.of(1);
    const child = spawn(process.execPath, ["-e", busy], { stdio: ["ignore", "pipe", "inherit"] });
    budget.started(child.pid ?? 0);
    const share = Number(await output(child));
    budget.ended();
    // A quarter, and what it had before it was bounded and in the periods at both ends.
    expect(share).toBeGreaterThan(0);
    expect(share).toBeLessThan(0.35);
  });
});

describe("openCpuBudgets", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "infaas-budget-"));
    mkdirSync(join(folder, "proc", "self"), { recursive: true });
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** A machine that tells of these mounts, and that this process is in these groups. */
  function machine(mounts: string, groups: string) {
    writeFileSync(join(folder, "proc", "self", "mounts"), mounts);
    writeFileSync(join(folder, "proc", "self", "cgroup"), groups);
    return join(folder, "proc");
  }

  it("uses whole cores by affinity where no cgroup is mounted, and says that a part of one is not enforced", () => {
    const proc = machine("/dev/root / ext4 rw 0 0\n", "0::/\n");
    const { isEnforced, sentence, of } = openCpuBudgets({ cores: 0.5, maxHosts: 3, proc });
    expect(isEnforced).toBe(false);
    expect(sentence).toContain("MORE than its 0.5");
    expect(sentence).toContain("no cgroup of CPU time is mounted here");
    const last = (availableParallelism() > 1 ? 1 : 0).toString();
    expect([of(1).prefix, of(2).prefix]).toEqual([
      ["taskset", "-c", "0"],
      ["taskset", "-c", last],
    ]);
  });

  it("goes on to affinity where a group takes no quota, and says why", () => {
    // A folder that is no cgroup: nothing in it becomes a group's file by itself, and rmdir refuses what was written.
    const v2 = join(folder, "unified");
    mkdirSync(v2);
    writeFileSync(join(v2, "cgroup.controllers"), "io memory\n");
    const proc = machine(`cgroup2 ${v2} cgroup2 rw 0 0\n`, "0::/\n");
    const { isEnforced, sentence } = openCpuBudgets({ cores: 1, maxHosts: 64, proc });
    expect(isEnforced).toBe(false);
    expect(sentence).toContain(`${v2} has no controller of CPU time`);
  });

  it("removes groups whose owner is gone, and none of another", () => {
    const v1 = join(folder, "cpu");
    for (const name of ["infaas-999999999-host-1", `infaas-${process.ppid}-host-1`, "other"])
      mkdirSync(join(v1, name), { recursive: true });
    const proc = machine(`cgroup ${v1} cgroup rw,relatime,cpu 0 0\n`, "1:cpu:/\n");
    openCpuBudgets({ cores: 1, maxHosts: 1, proc });
    const left = readdirSync(v1).filter((name) => !name.includes(String(process.pid)));
    expect(left.sort()).toEqual([`infaas-${process.ppid}-host-1`, "other"].sort());
  });
});
