import { execFile, execFileSync, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

/** Longest time from the begin of the installation to the first answer, ms. */
const FIRST_ANSWER_MAX_MS = 60_000;
/** Asked again after so long, until it is answered. */
const ASK_AGAIN_MS = 500;
const PORT = 28_001;

/**
 * Installs a tarball into an empty folder on a machine whose compilers fail, starts the system by `npx infaas up` and asks
 * the README's first query until it is answered. Throws unless that is within a minute and no compiler was called.
 */
export async function checkPackage(tarball) {
  const folder = mkdtempSync(join(tmpdir(), "infaas-installed-"));
  try {
    const env = withoutCompilers(folder);
    const run = (command, ...args) => execFileSync(command, args, { cwd: folder, env, encoding: "utf8" });
    const beganAtMs = performance.now();
    run("npm", "install", "--no-audit", "--no-fund", tarball);
    const installedMs = performance.now() - beganAtMs;
    const answer = await withSystem({ folder, env }, () => untilAnswered({ folder, env, beganAtMs }));
    const answeredMs = performance.now() - beganAtMs;
    const compilers = join(folder, "called");
    if (existsSync(compilers)) throw new Error(`a compiler was called: ${readFileSync(compilers, "utf8")}`);
    const kilobytes = Number(run("du", "-sk", "node_modules").split("\t")[0]);
    process.stdout.write(
      `${answer}installed in ${seconds(installedMs)}, ${(kilobytes / 1e3).toFixed(0)} MB; first answer after ${seconds(answeredMs)}; no compiler was called\n`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const seconds = (ms) => `${(ms / 1_000).toFixed(1)} s`;

/** An environment in which every compiler tells that it was called, and fails. */
function withoutCompilers(folder) {
  const bin = join(folder, "compilers");
  mkdirSync(bin);
  for (const name of ["cc", "c++", "gcc", "g++", "clang", "clang++", "cmake", "make", "ninja"]) {
    writeFileSync(join(bin, name), `#!/bin/sh\necho "$0 $*" >> ${join(folder, "called")}\nexit 1\n`);
    chmodSync(join(bin, name), 0o755);
  }
  return { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };
}

/** Runs `use` beside `npx infaas up`, which is ended by `npx infaas down`. */
async function withSystem({ folder, env }, use) {
  const up = spawn("npx", ["infaas", "up", "--port", String(PORT)], {
    cwd: folder,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [up.stdout, up.stderr]) stream.on("data", (chunk) => (said += chunk));
  const ended = new Promise((_, reject) =>
    up.once("exit", (status) => reject(new Error(`infaas up ended with ${status}:\n${said}`))),
  );
  ended.catch(() => undefined);
  try {
    return await Promise.race([use(), ended]);
  } finally {
    execFileSync("npx", ["infaas", "down"], { cwd: folder, env });
  }
}

async function untilAnswered({ folder, env, beganAtMs }) {
  const words =
    "infaas query digit-classification --image node_modules/infaas/zoo/examples/seven.png --accuracy 0.9 --latency 1s";
  let last = "";
  while (performance.now() - beganAtMs < FIRST_ANSWER_MAX_MS) {
    const { status, output } = await asked([...words.split(" "), "--address", `127.0.0.1:${PORT}`], {
      folder,
      env,
    });
    if (status === 0) return output;
    last = output;
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
  }
  throw new Error(`no answer within ${seconds(FIRST_ANSWER_MAX_MS)}: ${last}`);
}

function asked(words, { folder, env }) {
  return new Promise((resolve) =>
    execFile("npx", words, { cwd: folder, env, encoding: "utf8" }, (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : 1, output: `${stdout}${stderr}` }),
    ),
  );
}
