import { readFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { type ControlGroup, controlGroups } from "./control-groups";

/** What the operating system gives this process of its machine. */
export interface HostLimits {
  /** CPU time in cores; a quota may give a part of one. */
  readonly cores: number;
  readonly memoryBytes: number;
}

/**
 * Returns the cores that this process may run on and the memory of the machine, or less where a cgroup (version 1 or 2) of
 * this process, or one around it, has a quota or a limit. `proc` is where the machine tells of itself.
 */
export function hostLimits(proc = "/proc"): HostLimits {
  const least = (controller: "cpu" | "memory", limitOf: (group: ControlGroup) => number) =>
    Math.min(
      ...controlGroups(controller, proc)
        .flatMap(withThoseAround)
        .map(limitOf)
        .filter((limit) => limit > 0),
    );
  return {
    cores: Math.min(availableParallelism(), least("cpu", quotaOf)),
    memoryBytes: Math.min(totalmem(), least("memory", memoryOf)),
  };
}

function withThoseAround(group: ControlGroup): readonly ControlGroup[] {
  const isOutermost = group.folder === group.mount || !group.folder.startsWith(group.mount);
  return isOutermost ? [group] : [group, ...withThoseAround({ ...group, folder: dirname(group.folder) })];
}

/** Cores of a group's quota; NaN or below 0: it has none. */
function quotaOf({ version, folder }: ControlGroup): number {
  const [quotaUs, periodUs] =
    version === 2
      ? numbersOf(join(folder, "cpu.max"))
      : [...numbersOf(join(folder, "cpu.cfs_quota_us")), ...numbersOf(join(folder, "cpu.cfs_period_us"))];
  return (quotaUs ?? Number.NaN) / (periodUs ?? Number.NaN);
}

/** Bytes of a group's limit; NaN: it has none. */
function memoryOf({ version, folder }: ControlGroup): number {
  const file = version === 2 ? "memory.max" : "memory.limit_in_bytes";
  return numbersOf(join(folder, file))[0] ?? Number.NaN;
}

/** The numbers of a file, NaN for the word `max`; empty where there is no such file. */
function numbersOf(path: string): readonly number[] {
  try {
    return readFileSync(path, "utf8").trim().split(" ").map(Number);
  } catch {
    return [];
  }
}
