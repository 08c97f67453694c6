import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { controlGroups } from "./control-groups";
import { hostLimits } from "./host-limits";

const MIB = 2 ** 20;

describe("hostLimits", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "infaas-limits-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** A machine with these files below its mounts, which `$` stands for; returns where it tells of itself. */
  function machine(mounts: string, groups: string, files: Readonly<Record<string, string>>): string {
    const proc = join(folder, "proc");
    const all = { "proc/self/mounts": mounts.replaceAll("$", folder), "proc/self/cgroup": groups, ...files };
    for (const [path, text] of Object.entries(all)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    return proc;
  }

  const unified = "cgroup2 $/cg cgroup2 rw,nosuid 0 0\n";
  const divided = "cgroup $/cpu cgroup rw,cpu,cpuacct 0 0\ncgroup $/memory cgroup rw,memory 0 0\n";

  it("are the machine's own where no group bounds them", () => {
    const proc = machine(unified, "0::/\n", { "cg/cpu.max": "max 100000\n", "cg/memory.max": "max\n" });
    expect(hostLimits(proc)).toEqual({ cores: availableParallelism(), memoryBytes: totalmem() });
  });

  it("are the machine's own where nothing tells of groups", () => {
    const own = { cores: availableParallelism(), memoryBytes: totalmem() };
    expect(hostLimits(machine("/dev/root / ext4 rw 0 0\n", "", {}))).toEqual(own);
  });

  it("are quota and limit of a container, which sees its group as the root (version 2)", () => {
    const files = { "cg/cpu.max": "50000 100000\n", "cg/memory.max": `${64 * MIB}\n` };
    expect(hostLimits(machine(unified, "0::/\n", files))).toEqual({ cores: 0.5, memoryBytes: 64 * MIB });
  });

  it("are the least of the group and of those around it", () => {
    const proc = machine(unified, "0::/pods/one\n", {
      "cg/pods/cpu.max": "25000 100000\n",
      "cg/pods/memory.max": "max\n",
      "cg/pods/one/cpu.max": "50000 100000\n",
      "cg/pods/one/memory.max": `${64 * MIB}\n`,
    });
    expect(hostLimits(proc)).toEqual({ cores: 0.25, memoryBytes: 64 * MIB });
  });

  it("are those of version 1, where -1 is no quota, also by the path that the machine has for a container", () => {
    const files = {
      "cpu/cpu.cfs_quota_us": "-1\n",
      "cpu/cpu.cfs_period_us": "100000\n",
      "memory/memory.limit_in_bytes": `${64 * MIB}\n`,
    };
    const proc = machine(divided, "4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n", files);
    expect(hostLimits(proc)).toEqual({ cores: availableParallelism(), memoryBytes: 64 * MIB });
  });
});

/** A group of this machine with half a core, which a test may make only as root; null: none can be made. */
function halfACore(): string | null {
  const [group] = controlGroups("cpu");
  if (group?.version !== 1) return null;
  const made = join(group.folder, `infaas-limits-${process.pid}`);
  try {
    mkdirSync(made);
    writeFileSync(join(made, "cpu.cfs_period_us"), "10000");
    writeFileSync(join(made, "cpu.cfs_quota_us"), "5000");
    return made;
  } catch {
    return null;
  }
}

describe("hostLimits of a process in a cgroup with half a core", () => {
  const group = halfACore();
  afterAll(() => {
    if (group !== null) rmdirSync(group);
  });

  (group === null ? it.skip : it)("are half a core", () => {
    const print = `require("node:fs").writeFileSync(${JSON.stringify(`${group}/cgroup.procs`)}, String(process.pid));
      const { hostLimits } = require(${JSON.stringify(join(__dirname, "..", "..", "dist", "process", "host-limits.js"))});
      process.stdout.write(String(hostLimits().cores));`;
    expect(spawnSync(process.execPath, ["-e", print], { encoding: "utf8" })).toMatchObject({ stdout: "0.5" });
  });
});
