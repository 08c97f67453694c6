import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";

/** Runs `work` while other processes keep every core busy; they are ended however it ends. */
export async function onBusyMachine<T>(work: () => Promise<T>): Promise<T> {
  const others = Array.from({ length: availableParallelism() }, startSpinning);
  try {
    await Promise.all(others.map((child) => once(child.stdout!, "data")));
    return await work();
  } finally {
    await Promise.all(others.map(end));
  }
}

function startSpinning(): ChildProcess {
  const spin = "process.stdout.write('spinning'); setImmediate(() => { for (;;); });";
  return spawn(process.execPath, ["-e", spin], { stdio: ["ignore", "pipe", "inherit"] });
}

async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}
