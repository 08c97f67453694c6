import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { type ControlGroup, controlGroups, ServiceError } from "@infaas/runtime";

/** CPU time of one host: every process that it starts, and their children, share it. */
export interface HostBudget {
  /** Words that go before the command of a process of this host. */
  readonly prefix: readonly string[];
  /** Bounds a process that has just been started, before it has children. */
  started(pid: number): void;
  /** The last of its processes has ended. */
  ended(): void;
}

/** How hosts of one size are kept to their CPU time on this machine. */
export interface CpuBudgets {
  /** A host gets no more than its CPU time. */
  readonly isEnforced: boolean;
  /** How, or why not, as a sentence for the operator. */
  readonly sentence: string;
  /** The budget of the host with this number, from 1. */
  of(number: number): HostBudget;
}

/** What budgets are opened for. */
export interface BudgetOptions {
  /** CPU time of each host, in cores. */
  readonly cores: number;
  readonly maxHosts: number;
  /** Where this machine tells of itself; tests have another. */
  readonly proc?: string;
}

/**
 * Period in which a host may use up its time. The kernel's default of 100 ms would stop half a core for 50 ms at a time,
 * longer than many a latency objective.
 */
const PERIOD_US = 10_000;
/** How much more a host weighs than a process outside: a busy machine takes nothing from what a host was promised. */
const WEIGHT_FACTOR = 10;
/** Weight of a group unless it is told another, by version. */
const DEFAULT_WEIGHT = { 1: 1_024, 2: 100 } as const;
/** Least quota that the kernel takes. */
const QUOTA_LEAST_US = 1_000;

/**
 * Returns the strictest way to bound CPU time that this machine allows: a quota by a cgroup (version 1 or 2), else whole
 * cores by affinity, else none.
 */
export function openCpuBudgets(o: BudgetOptions): CpuBudgets {
  const group = writableGroup(o);
  if (typeof group !== "string") return cgroupBudgets(o, group);
  if (spawnSync("taskset", ["--version"], { stdio: "ignore" }).status === 0) return affinityBudgets(o, group);
  const sentence = `CPU time of hosts is NOT bounded: ${group}, and there is no taskset; more hosts give no more than one`;
  return { isEnforced: false, sentence, of: () => ({ prefix: [], started: nothing, ended: nothing }) };
}

function cgroupBudgets({ cores }: BudgetOptions, root: ControlGroup): CpuBudgets {
  const { version, folder } = root;
  return {
    isEnforced: true,
    sentence: `each host has ${cores} cores by a quota of its cgroup (version ${version}, ${folder})`,
    of: (number) => {
      const group = join(folder, groupName(`host-${number}`));
      return {
        prefix: [],
        started: (pid) => {
          makeGroup(group, version, cores);
          writeFileSync(join(group, "cgroup.procs"), String(pid));
        },
        ended: () => removeGroup(group),
      };
    },
  };
}

/** Groups carry the process id of their owner, so that the next one knows which are left over. */
function groupName(of: string): string {
  return `${GROUP_PREFIX}${process.pid}-${of}`;
}

const GROUP_PREFIX = "infaas-";

function makeGroup(group: string, version: 1 | 2, cores: number): void {
  mkdirSync(group, { recursive: true });
  const periodUs = Math.max(PERIOD_US, Math.ceil(QUOTA_LEAST_US / cores));
  const quotaUs = Math.round(cores * periodUs);
  if (version === 2) {
    writeFileSync(join(group, "cpu.max"), `${quotaUs} ${periodUs}`);
    writeFileSync(join(group, "cpu.weight"), String(WEIGHT_FACTOR * DEFAULT_WEIGHT[version]));
    return;
  }
  writeFileSync(join(group, "cpu.shares"), String(WEIGHT_FACTOR * DEFAULT_WEIGHT[version]));
  writeFileSync(join(group, "cpu.cfs_period_us"), String(periodUs));
  writeFileSync(join(group, "cpu.cfs_quota_us"), String(quotaUs));
}

function removeGroup(group: string): void {
  try {
    rmdirSync(group);
  } catch {
    // A process of it is still ending: whoever starts next removes it.
  }
}

/** A folder of cgroups in which groups with a quota can be made, or why there is none. */
function writableGroup(o: BudgetOptions): ControlGroup | string {
  const faults: string[] = [];
  for (const root of controlGroups("cpu", o.proc)) {
    try {
      removeLeftOver(root.folder);
      if (root.version === 2) enableCpu(root.folder);
      const trial = join(root.folder, groupName("trial"));
      makeGroup(trial, root.version, o.cores);
      rmdirSync(trial);
      return root;
    } catch (error) {
      faults.push(ServiceError.from(error).message);
    }
  }
  return faults.length === 0
    ? "no cgroup of CPU time is mounted here"
    : `no cgroup takes a quota (${faults.join("; ")})`;
}

function enableCpu(folder: string): void {
  const words = (file: string) => readFileSync(join(folder, file), "utf8").trim().split(" ");
  if (!words("cgroup.controllers").includes("cpu"))
    throw new Error(`${folder} has no controller of CPU time`);
  if (!words("cgroup.subtree_control").includes("cpu"))
    writeFileSync(join(folder, "cgroup.subtree_control"), "+cpu");
}

/** Removes groups whose owner is gone; one with processes in it stays. */
function removeLeftOver(folder: string): void {
  for (const name of readdirSync(folder).filter((n) => n.startsWith(GROUP_PREFIX))) {
    const owner = Number(/\d+/.exec(name)?.[0] ?? Number.NaN);
    if (!isAlive(owner)) removeGroup(join(folder, name));
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

function affinityBudgets({ cores, maxHosts }: BudgetOptions, why: string): CpuBudgets {
  const each = Math.max(1, Math.floor(cores));
  const there = availableParallelism();
  const isEnforced = Number.isInteger(cores) && cores * maxHosts <= there;
  const short = isEnforced
    ? ""
    : Number.isInteger(cores)
      ? `, which it SHARES with others: there are none of their own for ${maxHosts} hosts`
      : `, which is MORE than its ${cores}: a part of a core is not enforced`;
  return {
    isEnforced,
    sentence: `each host is kept to ${each} of ${there} cores by affinity${short} (${why})`,
    of: (number) => {
      const first = ((number - 1) * each) % there;
      const list = Array.from({ length: Math.min(each, there) }, (_, i) => (first + i) % there).join(",");
      return { prefix: ["taskset", "-c", list], started: nothing, ended: nothing };
    },
  };
}

function nothing(): void {}
