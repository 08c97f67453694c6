import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PORT = 28_201;

/** Runs `use` beside a system of the checkout at `root` with one small model. */
export async function withSystem(root, use) {
  const folder = mkdtempSync(join(tmpdir(), "infaas-system-"));
  const words = ["up", "--port", String(PORT), "--data-dir", folder, "--zoo", "digits-logreg"];
  const up = spawn(process.execPath, [join(root, "cli", "bin", "infaas.js"), ...words], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise((resolve) => up.once("exit", resolve));
  try {
    await new Promise((resolve, reject) => {
      let said = "";
      for (const stream of [up.stdout, up.stderr])
        stream.on("data", (chunk) => {
          said += chunk;
          if (said.includes("INFaaS is up")) resolve();
        });
      ended.then((status) => reject(new Error(`infaas up ended with ${status}:\n${said}`)));
    });
    await use(`127.0.0.1:${PORT}`);
  } finally {
    up.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
}
