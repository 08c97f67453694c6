import { spawnSync } from "node:child_process";

/** A program with its arguments. */
export interface Command {
  readonly command: string;
  readonly args: readonly string[];
}

/** Runs the rest of the line only while the parent is the process of this id: it may have ended before it was watched. */
const WHILE_PARENT_LIVES = 'test "$PPID" = "$0" && exec "$@"';

/** Whether the kernel can be asked to end a child with this process: by `setpriv` of util-linux 2.33. */
export function canEndWithParent(): boolean {
  return spawnSync("setpriv", ["--pdeathsig", "KILL", "true"], { stdio: "ignore" }).status === 0;
}

/**
 * Returns the command whose process is killed by the kernel once this process has ended, in any way: PR_SET_PDEATHSIG
 * of prctl(2), as engine processes set it for themselves. The process keeps its id.
 */
export function endWithParent({ command, args }: Command): Command {
  const watched = ["sh", "-c", WHILE_PARENT_LIVES, String(process.pid), command, ...args];
  return { command: "setpriv", args: ["--pdeathsig", "KILL", ...watched] };
}
