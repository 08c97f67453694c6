import { type ChildProcess, spawn } from "node:child_process";
import { cpus } from "node:os";

/** Keeps every core busy with a process of its own; the returned function ends them. */
export async function keepCoresBusy(): Promise<() => Promise<void>> {
  const children = cpus().map(() =>
    spawn(process.execPath, ["-e", "process.stdout.write('up'); setImmediate(() => { for (;;); });"], {
      stdio: ["ignore", "pipe", "inherit"],
    }),
  );
  await Promise.all(children.map((child) => new Promise((up) => child.stdout.once("data", up))));
  return async () => {
    await Promise.all(children.map(end));
  };
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((ended) => {
    child.once("exit", () => ended());
    child.kill("SIGKILL");
  });
}
