import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

/** A cgroup that this process is in. */
export interface ControlGroup {
  readonly version: 1 | 2;
  readonly folder: string;
  /** Where the hierarchy of the group is mounted; every folder from there to `folder` bounds it. */
  readonly mount: string;
}

/**
 * Returns the groups of this process that may bound what a controller counts, version 1 first: where both are mounted, it
 * has the controller. `proc` is where the machine tells of itself.
 */
export function controlGroups(controller: "cpu" | "memory", proc = "/proc"): readonly ControlGroup[] {
  const mounts = linesOf(join(proc, "self", "mounts")).map((line) => line.split(" "));
  const own = linesOf(join(proc, "self", "cgroup")).map((line) => line.split(":"));
  return mounts
    .flatMap(([, mount = "", type, options = ""]): ControlGroup[] => {
      const version = type === "cgroup2" ? 2 : 1;
      const counts = type === "cgroup2" || (type === "cgroup" && options.split(",").includes(controller));
      if (!counts) return [];
      const isOwn = (id: string, names: string) =>
        version === 2 ? id === "0" : names.split(",").includes(controller);
      const [, , path = "/"] = own.find(([id = "", names = ""]) => isOwn(id, names)) ?? [];
      const inside = resolve(join(mount, path));
      // In a container without a namespace of its own the path is that of the machine.
      return [{ version, mount, folder: existsSync(inside) ? inside : mount }];
    })
    .sort((a, b) => a.version - b.version);
}

function linesOf(path: string): string[] {
  return existsSync(path) ? readFileSync(path, "utf8").split("\n").filter(Boolean) : [];
}
